"""Tests of the screens: colours and sizes by arithmetic, letters and words without Kivy, pictures and touches with it."""

"""Tests of the screens: colours, sizes, letters and words without Kivy, pictures and touches with it."""

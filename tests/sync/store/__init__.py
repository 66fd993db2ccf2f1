"""The two files: opened, owned, upgraded, killed, filled up; and the queries over both."""

"""The commands of ``tramsach``, by subject. Each module adds its own to the application when ``kiosk.cli`` builds it."""

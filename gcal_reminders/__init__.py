"""Google Calendar by OAuth, and any calendar by its iCal address: appointments, and whose phone they mean."""

from gcal_reminders.adapter import GoogleCalendar

__all__ = ["GoogleCalendar"]

"""Addresses of usage, below ``/w/<slug>/``."""

from django.urls import path

from usage.views import dashboard, event_log, sessions, settings, usage_page

app_name = "usage"
urlpatterns = [
    path("", dashboard.show_dashboard, name="dashboard"),
    path("usage/", usage_page.usage, name="usage"),
    path("usage/usage.csv", usage_page.usage_export, {"format": "csv"}, name="usage_export"),
    path("usage/usage.xlsx", usage_page.usage_export, {"format": "xlsx"}, name="usage_export"),
    path("usage/bots", usage_page.bot_options, name="bot_options"),
    path("usage/channels", usage_page.channel_options, name="channel_options"),
    path("usage/time-zones", usage_page.timezone_options, name="timezone_options"),
    path("developers/events/", event_log.show_event_log, name="event_log"),
    path(
        "developers/events/streams/<int:number>/",
        event_log.show_event_stream,
        name="event_stream",
    ),
    path("settings/zone", settings.change_zone, name="change_zone"),
    path("usage/sessions/", sessions.session_list, name="session_list"),
    path("usage/sessions.csv", sessions.session_export, name="session_export"),
    path("usage/conversations/<str:name>/", sessions.conversation, name="conversation"),
    path("usage/how-sessions-are-counted/", sessions.counting_help, name="counting_help"),
]

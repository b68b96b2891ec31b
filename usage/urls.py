"""Addresses of usage, below ``/w/<slug>/``."""

from django.urls import path

from usage import session_views, views

app_name = "usage"
urlpatterns = [
    path("", views.bot_list, name="bot_list"),
    path("usage/sessions/", session_views.session_list, name="session_list"),
    path("usage/sessions.csv", session_views.session_export, name="session_export"),
    path("usage/conversations/<str:name>/", session_views.conversation, name="conversation"),
    path("usage/how-sessions-are-counted/", session_views.counting_help, name="counting_help"),
]

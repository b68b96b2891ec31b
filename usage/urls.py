"""Addresses of usage, below ``/w/<slug>/``."""

from django.urls import path

from usage import views

app_name = "usage"
urlpatterns = [
    path("", views.show_dashboard, name="dashboard"),
    path("usage/", views.usage, name="usage"),
    path("developers/events/", views.show_event_log, name="event_log"),
    path("developers/events/streams/<int:number>/", views.show_event_stream, name="event_stream"),
]

"""Addresses of usage, below ``/w/<slug>/``."""

from django.urls import path

from usage import views

app_name = "usage"
urlpatterns = [
    path("", views.bot_list, name="bot_list"),
    path("usage/", views.usage, name="usage"),
    path("usage/usage.<format>", views.usage_export, name="usage_export"),
    path("usage/bots", views.bot_options, name="bot_options"),
    path("usage/channels", views.channel_options, name="channel_options"),
    path("usage/time-zones", views.timezone_options, name="timezone_options"),
]

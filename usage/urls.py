"""Addresses of usage, below ``/w/<slug>/``."""

from django.urls import path

from usage import views

app_name = "usage"
urlpatterns = [
    path("", views.bot_list, name="bot_list"),
    path("settings/zone", views.change_zone, name="change_zone"),
]

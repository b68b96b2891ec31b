"""Addresses of the operators' pages."""

from django.urls import path

from billing_console.operator import views

app_name = "operator"
urlpatterns = [
    path("", views.workspace_list, name="workspace_list"),
    path("workspaces/<slug:slug>/", views.workspace, name="workspace"),
    path("workspaces/<slug:slug>/view-as", views.viewing_start, name="viewing_start"),
    path("health/", views.health, name="health"),
    path("audit/", views.audit, name="audit"),
    path("stop-viewing", views.viewing_stop, name="viewing_stop"),
]

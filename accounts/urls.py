"""Addresses of people and workspaces, and of a workspace's bots, keys and settings."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from accounts.views import audit_log as audit_log_views
from accounts.views import workspace as views

bots = [
    path("", views.bot_list, name="bot_list"),
    path("export", views.bot_export, name="bot_export"),
    path("new", views.bot_create, name="bot_create"),
    path("<int:bot_id>/", views.bot, name="bot"),
    path("<int:bot_id>/name", views.bot_rename, name="bot_rename"),
    path("<int:bot_id>/publish-status", views.bot_publish, name="bot_publish"),
    path("<int:bot_id>/share", views.bot_share, name="bot_share"),
    path("<int:bot_id>/take-back", views.bot_take_back, name="bot_take_back"),
    path("<int:bot_id>/archive", views.bot_archive, name="bot_archive"),
    path("<int:bot_id>/restore", views.bot_restore, name="bot_restore"),
]
audit_log = [
    path("", audit_log_views.show_audit_log, name="audit_log"),
    path("export", audit_log_views.audit_log_export, name="audit_log_export"),
]
developers = [
    path("", views.developers, name="developers"),
    path("keys/new", views.api_key_create, name="api_key_create"),
    path("keys/<int:key_id>/revoke", views.api_key_revoke, name="api_key_revoke"),
]

app_name = "accounts"
urlpatterns = [
    path("", views.workspace_list, name="workspace_list"),
    path(
        "sign-in",
        LoginView.as_view(template_name="accounts/sign_in.html", redirect_authenticated_user=True),
        name="sign_in",
    ),
    path("sign-out", LogoutView.as_view(), name="sign_out"),
    path("w/<slug:slug>/bots/", include(bots)),
    path("w/<slug:slug>/audit-log/", include(audit_log)),
    path("w/<slug:slug>/developers/", include(developers)),
    path("w/<slug:slug>/settings/", views.settings, name="settings"),
    path("w/<slug:slug>/settings/general", views.change_general, name="change_general"),
    path("w/<slug:slug>/settings/retention", views.change_retention, name="change_retention"),
]

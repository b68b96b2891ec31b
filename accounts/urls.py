"""Addresses of people and workspaces, and of a workspace's bots, keys and settings."""

from django.urls import include, path

from accounts.views import audit_log as audit_log_views
from accounts.views import invitations as invitation_views
from accounts.views import mail as mail_views
from accounts.views import people as people_views
from accounts.views import profile as profile_views
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
people = [
    path("", people_views.people, name="people"),
    path("invite", invitation_views.invite, name="invite"),
    path(
        "invitations/<int:invitation_id>/resend", invitation_views.resend, name="invitation_resend"
    ),
    path(
        "invitations/<int:invitation_id>/withdraw",
        invitation_views.withdraw,
        name="invitation_withdraw",
    ),
    path("<int:member_id>/role", people_views.change_role, name="member_role"),
    path("<int:member_id>/remove", people_views.remove, name="member_remove"),
    path("<int:member_id>/bots", people_views.hand_over, name="member_bots"),
    path("<int:member_id>/transfer", people_views.transfer, name="ownership_transfer"),
]
profile = [
    path("", profile_views.profile, name="profile"),
    path("name", profile_views.change_name, name="change_name"),
    path("default-workspace", profile_views.change_default_workspace, name="change_default"),
    path("mail-address", profile_views.change_address, name="change_address"),
    path("mail-address/<str:token>", profile_views.confirm_address, name="confirm_address"),
    path("sign-out-elsewhere", profile_views.sign_out_elsewhere, name="sign_out_elsewhere"),
]
developers = [
    path("", views.developers, name="developers"),
    path("keys/new", views.api_key_create, name="api_key_create"),
    path("keys/<int:key_id>/revoke", views.api_key_revoke, name="api_key_revoke"),
]

app_name = "accounts"
urlpatterns = [
    path("", views.workspace_list, name="workspace_list"),
    path("w/<slug:slug>/bots/", include(bots)),
    path("w/<slug:slug>/audit-log/", include(audit_log)),
    path("profile/", include(profile)),
    path("invitations/<str:token>", invitation_views.invitation, name="invitation"),
    path("mail/switch-off/<str:token>", mail_views.unsubscribe, name="unsubscribe"),
    path("w/<slug:slug>/mails", mail_views.mail_preferences, name="mail_preferences"),
    path("w/<slug:slug>/people/", include(people)),
    path("w/<slug:slug>/developers/", include(developers)),
    path("w/<slug:slug>/settings/", views.settings, name="settings"),
    path("w/<slug:slug>/settings/general", views.change_general, name="change_general"),
    path("w/<slug:slug>/settings/sign-in", views.change_sign_in, name="change_sign_in"),
    path("w/<slug:slug>/settings/retention", views.change_retention, name="change_retention"),
]

"""Addresses of the operators' pages of mails, below ``/operator/``."""

from django.urls import path

from accounts.views import mail_operator as views

app_name = "mails_operator"
urlpatterns = [
    path("mails/", views.mail_list, name="mail_list"),
    path("mails/previews/", views.preview_list, name="preview_list"),
    path("mails/previews/<slug:kind>/", views.preview, name="preview"),
    path("mails/previews/<slug:kind>/html", views.preview_html, name="preview_html"),
    path("mails/<int:mail_id>/", views.show_mail, name="mail"),
    path("mails/<int:mail_id>/html", views.show_mail_html, name="mail_html"),
    path("mails/<int:mail_id>/again", views.send_again, name="mail_again"),
]

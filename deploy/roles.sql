-- Run once by the database container, as the superuser, when its volume is empty.
-- console_owner owns the tables and migrates; console_app is web, worker and beat, bound to one
-- workspace at a time by row-level security; console_operator is the seller's own pages.
\getenv owner_password CONSOLE_OWNER_PASSWORD
\getenv app_password CONSOLE_APP_PASSWORD
\getenv operator_password CONSOLE_OPERATOR_PASSWORD

CREATE ROLE console_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE console_app LOGIN PASSWORD :'app_password';
CREATE ROLE console_operator LOGIN PASSWORD :'operator_password';

CREATE DATABASE billing_console OWNER console_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE billing_console FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE billing_console TO console_app, console_operator;

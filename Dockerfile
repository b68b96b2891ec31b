# One image for web, worker, beat and migrations; the command decides.

FROM node:24.11.1-bookworm-slim AS front-end
WORKDIR /console
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts


FROM python:3.13.11-slim-bookworm AS packages
COPY requirements/ /requirements/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r /requirements/installer.txt \
    && /opt/venv/bin/uv pip install --no-cache --python /opt/venv/bin/python --compile-bytecode \
        --require-hashes -r /requirements/production.txt \
    && /opt/venv/bin/uv pip uninstall --python /opt/venv/bin/python uv


FROM python:3.13.11-slim-bookworm
# WeasyPrint's libraries, and fonts for the names and addresses that it draws: of most scripts, of
# Chinese, Japanese and Korean, and of signs such as emoji.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz0b libharfbuzz-subset0 \
        fontconfig fonts-dejavu-core fonts-noto-core fonts-noto-cjk fonts-symbola \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /console --shell /usr/sbin/nologin console
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /console
COPY --from=packages /opt/venv /opt/venv
COPY --from=front-end /console/node_modules node_modules
COPY . .
# Bytecode and static files become part of the image; nothing else under the application is written.
# A volume for other files takes its owner from the folder that it is put on.
RUN python -m compileall -q accounts billing_console invoices plans usage \
    && python manage.py collectstatic --no-input \
    && chmod -R a+rX /console \
    && install -d -o 10001 -g 10001 /files
USER 10001:10001
EXPOSE 8000
# For the web server; worker and beat bring checks of their own.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "deploy/ask_health.py", "8000"]
CMD ["python", "-m", "billing_console.web", "--bind", "0.0.0.0:8000"]

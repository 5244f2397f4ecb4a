# The service alone: no embedded servers, no tools. glibc, because the expression library has no wheels for musl.
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements/ requirements/
RUN python -m venv /opt/workflows \
 && /opt/workflows/bin/pip install --no-cache-dir --require-hashes --requirement requirements/runtime.txt \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes --requirement requirements/build.txt
COPY pyproject.toml README.md ./
COPY generated/ generated/
COPY sql/ sql/
COPY service/ service/
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
 && /opt/workflows/bin/pip install --no-deps --no-index /dist/*.whl

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home workflows
COPY --from=build /opt/workflows /opt/workflows
ENV PATH=/opt/workflows/bin:$PATH PYTHONUNBUFFERED=1
# By number: Kubernetes cannot tell from a name that it is not root.
USER 10001
# DATABASE_URL, NATS_URL and the rest come from the environment; `workflows config` lists them. Both addresses are open to
# the container's network, so the service starts only with tokens, with TLS, or when told that it needs neither.
ENV GRPC_ADDRESS=0.0.0.0:50051 HTTP_ADDRESS=0.0.0.0:8080
EXPOSE 50051 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
ENTRYPOINT ["workflows"]
CMD ["serve"]

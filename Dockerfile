# The service alone: no embedded servers, no tools. glibc, because the expression library has no wheels for musl.
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements/ requirements/
RUN python -m venv /opt/workflows \
 && /opt/workflows/bin/pip install --no-cache-dir --require-hashes --requirement requirements/runtime.txt \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes --requirement requirements/build.txt
COPY pyproject.toml ./
COPY generated/ generated/
COPY sql/ sql/
COPY service/ service/
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
 && /opt/workflows/bin/pip install --no-deps --no-index /dist/*.whl

FROM python:3.11-slim
RUN useradd --system --no-create-home workflows
COPY --from=build /opt/workflows /opt/workflows
ENV PATH=/opt/workflows/bin:$PATH PYTHONUNBUFFERED=1
USER workflows
# DATABASE_URL and NATS_URL come from the environment; README.md has the table.
ENTRYPOINT ["workflows"]
CMD ["serve"]

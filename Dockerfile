# The dashboard on its demo, without torch; EXTRAS="[models,onnx,dicom]" adds the rest.
#   docker build --tag taxoscope .
#   docker run --network none taxoscope compare fine consolidated
#   docker run --publish 127.0.0.1:8501:8501 --volume taxoscope:/data taxoscope
FROM python:3.12-slim AS wheel
WORKDIR /source
COPY . .
RUN pip wheel --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
ARG EXTRAS=""
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir "$(echo /wheels/*.whl)$EXTRAS"
RUN useradd --uid 10001 --no-create-home viewer && mkdir /data && chown viewer /data
USER viewer
ENV HOME=/data TAXOSCOPE_DEMO_FOLDER=/data/demo PYTHONDONTWRITEBYTECODE=1
VOLUME /data
EXPOSE 8501
ENTRYPOINT ["taxoscope"]
CMD ["serve", "--no-browser", "--host", "0.0.0.0"]

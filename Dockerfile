# The static program, and nothing else: `scripts/package image` builds it, or, in a folder with that program:
#   docker build --tag rdb-reindex --file Dockerfile .
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/data" rdb-reindex plan dump.rdb --out plan
FROM scratch
COPY rdb-reindex /rdb-reindex
# Where archives are unpacked; everything else is in the folder that is mounted.
ENV TMPDIR=/data
WORKDIR /data
ENTRYPOINT ["/rdb-reindex"]

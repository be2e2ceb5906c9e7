FROM node:26-slim

ENV HOST=0.0.0.0 \
    PORT=3000 \
    EARSHOT_DATA=/data \
    MALLOC_ARENA_MAX=2

WORKDIR /app

# Packages first: they change less often than the sources, so that this layer is reused.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force

COPY . .

RUN mkdir /data && chown node:node /data
VOLUME /data
USER node
EXPOSE 3000

# TypeScript runs as it stands, so there is nothing to build. The slim image has no curl: Node asks itself.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]

# As script/earshot starts it: memory before a little speed.
CMD ["node", "--max-old-space-size=192", "--disable-warning=ExperimentalWarning", "src/cli/main.ts", "start"]

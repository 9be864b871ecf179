FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev

# One image for the API, the worker and the migrations. Node runs the TypeScript as it is: there is no build step.
FROM node:24-bookworm-slim
ENV NODE_ENV=production DATA_DIR=/data
WORKDIR /app
RUN mkdir /data && chown node:node /data
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json schema.graphql ./
COPY src ./src
COPY worker ./worker
USER node
VOLUME /data
EXPOSE 4000
STOPSIGNAL SIGTERM
CMD ["node", "src/main.ts"]

# offhook serve, without Postgres: give it OFFHOOK_DATABASE_URL and OFFHOOK_KEY_RING.
FROM golang:1.26-trixie AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=docker
RUN CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /offhook ./cmd/offhook

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /offhook /usr/local/bin/offhook
EXPOSE 8080
# Distroless runs this as an ordinary user; SIGTERM drains before it ends.
ENTRYPOINT ["/usr/local/bin/offhook"]
CMD ["serve"]

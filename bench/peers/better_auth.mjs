// better-auth as its documentation has it on Node.js: `better_auth.mjs PORT DATABASE`, a file of SQLite or a PostgreSQL URL;
// `better_auth.mjs migrate DATABASE` makes its tables. As many processes as PEER_PROCESSES says, by node:cluster; one unless it does.
// For speed: its Rust hash with our parameters, WAL, joins, a pool of connections; no limits, no log, no telemetry.

import cluster from "node:cluster";

const [port, where] = process.argv.slice(2);
const processes = Number(process.env.PEER_PROCESSES ?? 1);

process.on("SIGTERM", () => {
  for (const worker of Object.values(cluster.workers ?? {})) worker.kill();
  process.exit(0);
});

// The first of several loads nothing of what the others need.
if (cluster.isPrimary && processes > 1) for (let number = 0; number < processes; number++) cluster.fork();
else await work();

async function work() {
  const { betterAuth } = await import("better-auth");
  const auth = betterAuth(await options());
  if (port === "migrate") {
    const { getMigrations } = await import("better-auth/db/migration");
    await (await getMigrations(auth.options)).runMigrations();
    process.exit(0);
  }
  const { createServer } = await import("node:http");
  const { toNodeHandler } = await import("better-auth/node");
  createServer(toNodeHandler(auth)).listen(Number(port), "127.0.0.1");
}

async function options() {
  const { Algorithm, hash, verify } = await import("@node-rs/argon2");
  const argon2id = { algorithm: Algorithm.Argon2id, memoryCost: 19456, timeCost: 2, parallelism: 1 };
  return {
    baseURL: `http://127.0.0.1:${Number(port) || 80}`,
    secret: "only for the bench ".repeat(2),
    database: await database(),
    emailAndPassword: {
      enabled: true,
      autoSignIn: false,
      password: { hash: (password) => hash(password, argon2id), verify: ({ hash, password }) => verify(hash, password) },
    },
    rateLimit: { enabled: false },
    logger: { disabled: true },
    telemetry: { enabled: false },
    advanced: { database: { joins: true } },
    experimental: { instrumentation: { enabled: false } },
  };
}

async function database() {
  if (where.startsWith("postgresql:")) {
    const { default: pg } = await import("pg");
    return new pg.Pool({ connectionString: where, max: 10 });
  }
  const { default: Sqlite } = await import("better-sqlite3");
  const file = new Sqlite(where, { timeout: 10_000 });
  file.pragma("journal_mode = WAL");
  file.pragma("synchronous = NORMAL");
  return file;
}

// better-auth as its documentation has it on Node.js: `better_auth.mjs PORT DATABASE`, a file of SQLite or a PostgreSQL URL.
// For speed: its Rust hash with our parameters, WAL, joins, a pool of connections; no limits, no log, no telemetry.

import { createServer } from "node:http";
import { Algorithm, hash, verify } from "@node-rs/argon2";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import Sqlite from "better-sqlite3";
import pg from "pg";

const [port, where] = process.argv.slice(2);
const argon2id = { algorithm: Algorithm.Argon2id, memoryCost: 19456, timeCost: 2, parallelism: 1 };

function database() {
  if (where.startsWith("postgresql:")) return new pg.Pool({ connectionString: where, max: 10 });
  const file = new Sqlite(where);
  file.pragma("journal_mode = WAL");
  file.pragma("synchronous = NORMAL");
  return file;
}

const auth = betterAuth({
  baseURL: `http://127.0.0.1:${port}`,
  secret: "only for the bench ".repeat(2),
  database: database(),
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
});

await (await getMigrations(auth.options)).runMigrations();
createServer(toNodeHandler(auth)).listen(Number(port), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));

// better-auth with Redis as secondary storage, from which it reads sessions, and members
// in Postgres.

import http from 'node:http';
import { Redis } from '@upstash/redis';
import { betterAuth } from 'better-auth';
import { toNodeHandler } from 'better-auth/node';
import pg from 'pg';
import * as peer from './peer.mjs';

const redis = new Redis({
  url: peer.KV_REST_API_URL,
  token: peer.KV_REST_API_TOKEN,
  // better-auth serializes values itself.
  automaticDeserialization: false,
});

const auth = betterAuth({
  baseURL: 'http://127.0.0.1',
  secret: peer.SESSION_SECRET,
  database: new pg.Pool({ connectionString: peer.POSTGRES_URL, max: peer.POOL_MAX }),
  secondaryStorage: {
    get: (key) => redis.get(key),
    set: (key, value, ttl) => (ttl ? redis.set(key, value, { ex: ttl }) : redis.set(key, value)),
    delete: (key) => redis.del(key),
  },
  emailAndPassword: { enabled: true },
  // All requests come from one address.
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
});

async function setup() {
  const { getMigrations } = await import('better-auth/db/migration');
  await (await getMigrations(auth.options)).runMigrations();
  for (let n = 0; n < peer.sessions; n++) {
    const body = { email: `member${n}@example.com`, password: 'correct horse battery', name: `Member ${n}` };
    const response = await auth.api.signUpEmail({ body, asResponse: true });
    console.log(response.headers.getSetCookie().map((cookie) => cookie.split(';')[0]).join('; '));
  }
  process.exit(0);
}

if (peer.isSetup) await setup();
else peer.serve(http.createServer(toNodeHandler(auth)));

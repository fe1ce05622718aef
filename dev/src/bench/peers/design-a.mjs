// Design A, an earlier design of the sessions, without a framework. Each request extends
// the session in Redis and reads the member from Postgres.

import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { Redis } from '@upstash/redis';
import bcrypt from 'bcryptjs';
import pg from 'pg';
import * as peer from './peer.mjs';

const LIFE_SECONDS = 24 * 60 * 60;
const PASSWORD = 'correct horse battery';
const SELECT_USER =
  'select id, email, first_name, last_name, is_active, created_at from users where id = $1';

const pool = new pg.Pool({ connectionString: peer.POSTGRES_URL, max: peer.POOL_MAX });
const redis = new Redis({ url: peer.KV_REST_API_URL, token: peer.KV_REST_API_TOKEN });

async function createSession(user) {
  const id = randomBytes(32).toString('hex');
  const session = { userId: user.id, email: user.email, createdAt: new Date().toISOString() };
  await redis.set(`session:${id}`, session, { ex: LIFE_SECONDS });
  return id;
}

async function session(request) {
  const id = /(?:^|; *)session_id=([0-9a-f]{64})/.exec(request.headers.cookie ?? '')?.[1];
  const found = id && (await redis.get(`session:${id}`));
  if (!found) return [401, { error: 'Not signed in' }];
  // The two calls are concurrent. The original design made them one after the other.
  const [{ rows }] = await Promise.all([
    pool.query({ name: 'user', text: SELECT_USER, values: [found.userId] }),
    // The in-memory endpoint has no `SETEX`, so this uses `SET` with `EX`.
    redis.set(`session:${id}`, found, { ex: LIFE_SECONDS }),
  ]);
  return rows[0]?.is_active ? [200, { user: rows[0], session: found }] : [401, { error: 'Not signed in' }];
}

async function login(request) {
  let body = '';
  for await (const chunk of request) body += chunk;
  const { email, password } = JSON.parse(body);
  const { rows } = await pool.query('select * from users where email = $1', [email]);
  if (!rows[0] || !(await bcrypt.compare(password, rows[0].password_hash))) {
    return [401, { error: 'Invalid credentials' }];
  }
  const id = await createSession(rows[0]);
  return [200, { success: true }, { 'set-cookie': `session_id=${id}; HttpOnly; Path=/` }];
}

async function handle(request, response) {
  try {
    const handler = request.url === '/api/auth/login' ? login : session;
    const [status, body, headers] = await handler(request);
    const text = JSON.stringify(body);
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      ...headers,
    });
    response.end(text);
  } catch {
    response.writeHead(500).end();
  }
}

async function setup() {
  await pool.query(`create table users (
    id uuid primary key default gen_random_uuid(), email text not null unique,
    password_hash text not null, first_name text not null, last_name text not null,
    is_active boolean not null default true, created_at timestamptz not null default now())`);
  const hash = await bcrypt.hash(PASSWORD, 12);
  for (let n = 0; n < peer.sessions; n++) {
    const { rows } = await pool.query(
      `insert into users (email, password_hash, first_name, last_name)
       values ($1, $2, 'Member', $3) returning *`,
      [`member${n}@example.com`, hash, String(n)],
    );
    console.log(`session_id=${await createSession(rows[0])}`);
  }
  await pool.end();
}

if (peer.isSetup) await setup();
else peer.serve(http.createServer(handle));

// express-session with its usual Postgres store. Each request extends the session.

import connectPgSimple from 'connect-pg-simple';
import { sign } from 'cookie-signature';
import express from 'express';
import session from 'express-session';
import pg from 'pg';
import * as peer from './peer.mjs';

const LIFE_MS = 24 * 60 * 60 * 1000;

const pool = new pg.Pool({ connectionString: peer.POSTGRES_URL, max: peer.POOL_MAX });
const store = new (connectPgSimple(session))({ pool, createTableIfMissing: peer.isSetup });

const app = express();
app.disable('x-powered-by');
app.use(
  session({
    store,
    secret: peer.SESSION_SECRET,
    rolling: true,
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: LIFE_MS },
  }),
);
app.get('/api/auth/session', (request, response) => {
  const { user } = request.session;
  if (user) response.json({ user });
  else response.status(401).json({ error: 'Not signed in' });
});

async function setup() {
  for (let n = 0; n < peer.sessions; n++) {
    const id = `session${n}`;
    const expires = new Date(Date.now() + LIFE_MS).toISOString();
    const user = { id: n, email: `member${n}@example.com`, firstName: 'Member', lastName: String(n) };
    const stored = { cookie: { originalMaxAge: LIFE_MS, expires, httpOnly: true, path: '/' }, user };
    await new Promise((done, failed) =>
      store.set(id, stored, (error) => (error ? failed(error) : done())),
    );
    console.log(`connect.sid=${encodeURIComponent(`s:${sign(id, peer.SESSION_SECRET)}`)}`);
  }
  store.close();
  await pool.end();
}

if (peer.isSetup) await setup();
else peer.serve(app);

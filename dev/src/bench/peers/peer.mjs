// Code that the peers share. `node <peer> setup <count>` creates the schema and the
// sessions, and prints one cookie per line. `node <peer>` starts the server, and prints a
// line when it listens.

export const { POSTGRES_URL, KV_REST_API_URL, KV_REST_API_TOKEN, SESSION_SECRET } = process.env;

// The pool size of Sabor's functions.
export const POOL_MAX = 20;

export const isSetup = process.argv[2] === 'setup';
export const sessions = Number(process.argv[3]);

export function serve(server) {
  server.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'));
}

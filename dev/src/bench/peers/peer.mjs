// What the peers have in common. `node <peer> setup` makes the schema and
// prints a cookie a line, one for each session; `node <peer>` serves, and
// prints a line as soon as it does.

export const { POSTGRES_URL, KV_REST_API_URL, KV_REST_API_TOKEN, SESSION_SECRET } = process.env;

// As many connections as a function of Sabor has.
export const POOL_MAX = 20;

export const isSetup = process.argv[2] === 'setup';
export const sessions = Number(process.argv[3]);

export function serve(server) {
  server.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'));
}

// npm's `oidc-provider` without login pages: `login_hint` names the account that
// signs in, or is `nobody` to decline.
//
// Arguments: the issuer, which is the address of the proxy, and the callback
// address. Output: the port, as the first line.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

// Stdout is closed after the first line, and writing to it would end the process.
console.info = console.warn = console.error;

// Exits when the parent process ends.
process.stdin.on('end', () => process.exit()).resume();

const issuer = process.argv[2];
const callback = process.argv[3];
const accounts = new Map();

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'ES256', 'ES384', 'EdDSA', 'HS256'];

const client = (client_id, metadata) => ({
  client_id,
  client_secret: 'a secret of the tests, long enough',
  redirect_uris: [`${callback}/acme`],
  ...metadata,
});

const key = (type, options) => generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' });

const provider = new Provider(issuer, {
  clients: [
    client('sabor'),
    client('sabor-post', { token_endpoint_auth_method: 'client_secret_post' }),
    ...algorithms.map((name) => client(`sabor-${name}`, { id_token_signed_response_alg: name })),
  ],
  enabledJWA: { idTokenSigningAlgValues: algorithms },
  jwks: {
    keys: [
      key('rsa', { modulusLength: 2048 }),
      key('ec', { namedCurve: 'P-256' }),
      key('ec', { namedCurve: 'P-384' }),
      key('ed25519'),
    ],
  },
  claims: {
    openid: ['sub'],
    email: ['email', 'email_verified'],
    profile: ['name', 'given_name', 'family_name'],
  },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  cookies: { keys: ['the cookies of the tests'] },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, sub) => ({
    accountId: sub,
    claims: () => ({ sub, ...accounts.get(sub) }),
  }),
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope('openid email profile');
    await grant.save();
    return grant;
  },
  renderError(ctx, out) {
    ctx.type = 'json';
    ctx.body = out;
  },
});

const handle = provider.callback();

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

const server = createServer(async (request, response) => {
  const [, first, name] = request.url.split('/');
  if (first === 'accounts') {
    accounts.set(name, await body(request));
    response.end();
  } else if (first === 'interaction') {
    const { params } = await provider.interactionDetails(request, response);
    const result = params.login_hint === 'nobody'
      ? { error: 'access_denied', error_description: 'declined' }
      : { login: { accountId: params.login_hint } };
    await provider.interactionFinished(request, response, result);
  } else {
    handle(request, response);
  }
});

server.listen(0, '127.0.0.1', () => console.log(server.address().port));

// A certified OpenID provider (oidc-provider) with an API of its own behind it, and a door for tests in front that
// counts token calls and can fail, hang, or drop the answer after the provider has done its work.
import http from 'node:http';
import Provider from 'oidc-provider';

const asked = JSON.parse(process.argv[2]);
const issuer = `http://localhost:${asked.port}`;
const state = { token_calls: 0, refreshes: 0, api_calls: 0, fail: null, issued: [], lost_revocations: 0,
  access_seconds: asked.access_seconds ?? 3600 };

const provider = new Provider(issuer, {
  clients: asked.clients,
  pkce: { required: () => asked.pkce_required ?? true },
  features: {
    revocation: { enabled: true },
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    devInteractions: { enabled: true },
  },
  scopes: ['openid', 'email', 'offline_access', 'notes:read', 'notes:write'],
  claims: { openid: ['sub'], email: ['email'] },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.com` }) }),
  issueRefreshToken: async () => true,
  rotateRefreshToken: () => true,
  ttl: {
    AccessToken: () => state.access_seconds, Grant: 86400, Session: 86400, Interaction: 600, IdToken: 600,
    AuthorizationCode: 60, RefreshToken: 86400, ClientCredentials: asked.access_seconds ?? 3600,
    DeviceCode: asked.device_seconds ?? 600,
  },
  cookies: { keys: ['test'] },
});

const body = (request) => new Promise((done) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => done(Buffer.concat(parts).toString()));
});

const told = (response, status, data) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(data));
};

async function api(request, response) {
  state.api_calls += 1;
  const shown = (request.headers.authorization ?? '').replace(/^Bearer /, '');
  const token = await provider.AccessToken.find(shown) ?? await provider.ClientCredentials.find(shown);
  if (!token || token.isExpired) return told(response, 401, { error: 'invalid_token', seen: shown });
  if (request.url.startsWith('/api/forbidden')) return told(response, 401, { error: 'not_for_you' });
  return told(response, 200, { whose: token.accountId ?? token.clientId, echo: shown, text: 'planted-content of the note' });
}

const serve = provider.callback();

http.createServer(async (request, response) => {
  if (request.url === '/control') {
    Object.assign(state, JSON.parse(await body(request) || '{}'));
    return told(response, 200, state);
  }
  if (request.url.startsWith('/api/')) return api(request, response);
  if (request.url === '/token/revocation' && state.lost_revocations > 0) {
    state.lost_revocations -= 1;
    return request.socket.destroy();
  }
  if (request.url !== '/token') return serve(request, response);
  state.token_calls += 1;
  const fail = state.fail;
  if (fail === 'error') return told(response, 500, { error: 'server_error' });
  if (fail === 'hang') return undefined;
  if (fail === 'slow') await new Promise((done) => setTimeout(done, 400));
  const end = response.end.bind(response);
  if (fail === 'drop') {
    // The provider has used the token up, and its answer never arrives.
    response.writeHead = () => response;
    response.write = () => true;
    response.end = () => request.socket.destroy();
  } else {
    response.end = (...given) => {
      if (response.statusCode === 200) state.refreshes += 1;
      return end(...given);
    };
  }
  return serve(request, response);
}).listen(asked.port, '127.0.0.1', () => console.log('ready'));

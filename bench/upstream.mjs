// The app behind the benchmark, in Node so that it shares no interpreter with what is measured.
// GET /object: one object; GET /items: thirty; both as a real API would send them, with more fields than are kept.
// GET /slow?ms=N: one object after N milliseconds.
// POST /mcp: an MCP server without sessions, of 2026-07-28 and 2025-11-25, whose tools object and items give the same.
import http from 'node:http';

const item = (n) => ({
  id: n, node_id: `node-${n}`, number: 1000 + n, title: `Issue number ${n} of the benchmark`, state: 'open',
  locked: false, comments: n % 7, created_at: '2026-01-15T12:00:00Z', updated_at: '2026-02-15T12:00:00Z',
  user: { id: 7, login: 'ada', url: 'https://api.example.com/users/ada', type: 'User', site_admin: false },
  labels: [{ id: 1, name: 'bug', color: 'ff0000' }, { id: 2, name: 'help', color: '00ff00' }],
  body: 'A paragraph of text that somebody wrote about what went wrong. '.repeat(3),
  url: `https://api.example.com/issues/${n}`, html_url: `https://example.com/issues/${n}`,
});
const object = Buffer.from(JSON.stringify(item(1)));
const items = Buffer.from(JSON.stringify({ total: 30, items: Array.from({ length: 30 }, (_, n) => item(n)) }));

const told = (raw) => ({ content: [{ type: 'text', text: raw.toString() }], structuredContent: JSON.parse(raw) });
const tools = ['object', 'items'].map((name) => ({ name, description: `Gives ${name}.`, inputSchema: { type: 'object', properties: {} } }));
const about = { name: 'bench-upstream', version: '1.0.0' };
const cached = { ttlMs: 0, cacheScope: 'private' };
const results = {
  'server/discover': { supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, ...cached },
  initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: about },
  'tools/list': { tools, ...cached },
  ping: {},
};
const called = { object: told(object), items: told(items) };

// One JSON-RPC message, answered as JSON.
const mcp = (request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const { id, method, params } = JSON.parse(Buffer.concat(parts));
    if (id === undefined) return response.writeHead(202).end();
    const result = method === 'tools/call' ? called[params.name] : results[method];
    const modern = request.headers['mcp-protocol-version'] === '2026-07-28';
    const more = modern ? { resultType: 'complete', _meta: { 'io.modelcontextprotocol/serverInfo': about } } : {};
    const answer = result === undefined ? { error: { code: -32601, message: 'no such method' } } : { result: { ...more, ...result } };
    const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
    response.writeHead(result === undefined && modern ? 404 : 200, { 'Content-Type': 'application/json', 'Content-Length': body.length });
    response.end(body);
  });
};

const server = http.createServer((request, response) => {
  if (request.method === 'POST') return mcp(request, response);
  const url = new URL(request.url, 'http://localhost');
  const body = url.pathname === '/items' ? items : object;
  const send = () => {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length });
    response.end(body);
  };
  if (url.pathname === '/slow') setTimeout(send, Number(url.searchParams.get('ms') ?? 1000));
  else send();
});
server.keepAliveTimeout = 60_000;
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => console.log(server.address().port));

// The app behind the benchmark, in Node so that it shares no interpreter with what is measured.
// GET /object: one object; GET /items: thirty; both as a real API would send them, with more fields than are kept.
// GET /slow?ms=N: one object after N milliseconds.
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

const server = http.createServer((request, response) => {
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

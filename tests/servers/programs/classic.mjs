// What modern.mjs offers, by the TypeScript SDK of 2025-11-25 (v1): over HTTP with sessions, with "sse" over the transport
// of 2024-11-05, or over standard input and output. Run by tests; not a test.
import http from 'node:http';
import { randomUUID } from 'node:crypto';
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { SubscribeRequestSchema, UnsubscribeRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';

const wish = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
let cancelled = 0;

const made = () => {
  let more = false;
  const watched = new Set();
  const server = new McpServer(
    { name: 'classic', version: '1.0.0' },
    { instructions: 'Ask about sums.', capabilities: { logging: {}, resources: { subscribe: true, listChanged: true } } },
  );
  server.server.setRequestHandler(SubscribeRequestSchema, async ({ params }) => (watched.add(params.uri), {}));
  server.server.setRequestHandler(UnsubscribeRequestSchema, async ({ params }) => (watched.delete(params.uri), {}));
  server.registerTool(
    'addNumbers',
    { title: 'Add numbers', description: 'Add two numbers.', inputSchema: { a: z.number(), b: z.number() }, outputSchema: { sum: z.number() } },
    async ({ a, b }) => ({
      content: [
        { type: 'text', text: `${a + b}` },
        { type: 'resource_link', uri: 'notes:///sums', name: 'sums' },
      ],
      structuredContent: { sum: a + b },
    }),
  );
  server.registerTool('askCity', { description: 'Ask for a city.', inputSchema: {} }, async () => {
    const answer = await server.server.elicitInput({ message: 'Which city?', requestedSchema: wish });
    return { content: [{ type: 'text', text: answer.action === 'accept' ? answer.content.city : answer.action }] };
  });
  server.registerTool('walk', { description: 'Progress and log lines.', inputSchema: {} }, async (_given, extra) => {
    for (const step of [1, 2, 3]) {
      const params = { progressToken: extra._meta?.progressToken, progress: step, total: 3, message: `step ${step}` };
      await extra.sendNotification({ method: 'notifications/progress', params });
      await extra.sendNotification({ method: 'notifications/message', params: { level: 'warning', data: `line ${step}` } });
    }
    return { content: [{ type: 'text', text: 'there' }] };
  });
  server.registerTool('change', { description: 'Change a note and the list of notes.', inputSchema: {} }, async () => {
    if (!more) server.registerResource('more', 'notes:///more', {}, async (uri) => ({ contents: [{ uri: uri.href, text: 'more' }] }));
    else server.sendResourceListChanged();
    more = true;
    if (watched.has('notes:///sums')) await server.server.sendResourceUpdated({ uri: 'notes:///sums' });
    return { content: [{ type: 'text', text: 'changed' }] };
  });
  server.registerTool('wait', { description: 'Wait until nobody does.', inputSchema: {} }, async (_given, extra) => {
    const params = { progressToken: extra._meta?.progressToken, progress: 1 };
    await extra.sendNotification({ method: 'notifications/progress', params });
    await new Promise((done) => extra.signal.addEventListener('abort', done));
    cancelled += 1;
    return { content: [] };
  });
  server.registerTool('cancelled', { description: 'How many gave up waiting.', inputSchema: {} }, async () => ({
    content: [{ type: 'text', text: `${cancelled}` }],
  }));
  server.registerResource('sums', 'notes:///sums', { mimeType: 'text/plain' }, async (uri) => ({
    contents: [{ uri: uri.href, text: more ? 'new sums' : 'sums' }],
  }));
  server.registerResource(
    'note',
    new ResourceTemplate('notes:///{day}', { list: undefined, complete: { day: (typed) => ['monday', 'friday'].filter((day) => day.startsWith(typed)) } }),
    { mimeType: 'text/plain' },
    async (uri, { day }) => ({ contents: [{ uri: uri.href, text: `note of ${day}` }] }),
  );
  server.registerPrompt('report', { description: 'Ask for a report.', argsSchema: { about: z.string() } }, async ({ about }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Report on ${about}.` } }],
  }));
  return server;
};

if (process.argv[2] === undefined) {
  await made().connect(new StdioServerTransport());
} else {
  const sessions = new Map();
  const sse = async (request, response) => {
    if (request.url === '/sse' && request.method === 'GET') {
      const transport = new SSEServerTransport('/messages', response);
      sessions.set(transport.sessionId, transport);
      return made().connect(transport);
    }
    const transport = sessions.get(new URL(request.url, 'http://localhost').searchParams.get('sessionId'));
    if (transport === undefined || request.method !== 'POST') return response.writeHead(404).end();
    return transport.handlePostMessage(request, response);
  };
  const streamable = async (request, response) => {
    let transport = sessions.get(request.headers['mcp-session-id']);
    if (transport === undefined && request.method === 'POST' && request.headers['mcp-session-id'] === undefined) {
      transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => sessions.set(id, transport),
      });
      await made().connect(transport);
    }
    if (transport === undefined) response.writeHead(404).end();
    else await transport.handleRequest(request, response);
  };
  const server = http.createServer(process.argv[3] === 'sse' ? sse : streamable);
  server.listen(Number(process.argv[2]), '127.0.0.1', () => console.error(`listening on ${process.argv[2]}`));
}

// A server of the TypeScript SDK (v2): 2026-07-28 and, without sessions, the eras before it.
// Over HTTP with a port as argument, else over standard input and output. Run by tests; not a test.
import http from 'node:http';
import { McpServer, ResourceTemplate, createMcpHandler, inputRequired } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';

const wish = {
  message: 'Which city?',
  requestedSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
let more = false;
let cancelled = 0;
let handler;

const add = (server) =>
  server.registerResource('more', 'notes:///more', {}, async (uri) => ({ contents: [{ uri: uri.href, text: 'more' }] }));

const made = () => {
  const server = new McpServer(
    { name: 'modern', version: '1.0.0' },
    { instructions: 'Ask about sums.', capabilities: { logging: {}, resources: { subscribe: true, listChanged: true } } },
  );
  server.registerTool(
    'addNumbers',
    {
      title: 'Add numbers',
      description: 'Add two numbers. Ünïcode → passes, too.',
      inputSchema: z.object({ a: z.number(), b: z.number() }),
      outputSchema: z.object({ sum: z.number() }),
      annotations: { readOnlyHint: true },
      _meta: { 'example.com/kind': 'sums' },
    },
    async ({ a, b }) => ({
      content: [
        { type: 'text', text: `${a + b}` },
        { type: 'resource_link', uri: 'notes:///sums', name: 'sums' },
      ],
      structuredContent: { sum: a + b },
      _meta: { 'example.com/took': 1 },
    }),
  );
  server.registerTool('askCity', { description: 'Ask for a city.', inputSchema: z.object({}) }, async (_given, context) => {
    const answer = context.mcpReq.inputResponses?.city;
    if (answer === undefined) {
      return inputRequired({ inputRequests: { city: inputRequired.elicit(wish) }, requestState: 'asked' });
    }
    return { content: [{ type: 'text', text: answer.action === 'accept' ? answer.content.city : answer.action }] };
  });
  server.registerTool('walk', { description: 'Progress and log lines.', inputSchema: z.object({}) }, async (_given, context) => {
    for (const step of [1, 2, 3]) {
      await context.mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken: context.mcpReq._meta?.progressToken, progress: step, total: 3, message: `step ${step}` },
      });
      await context.mcpReq.log('warning', `line ${step}`);
    }
    return { content: [{ type: 'text', text: 'there' }] };
  });
  server.registerTool('change', { description: 'Change a note and the list of notes.', inputSchema: z.object({}) }, async () => {
    if (!more) add(server);
    more = true;
    if (handler) {
      handler.notify.resourceUpdated('notes:///sums');
      handler.notify.resourcesChanged();
    } else {
      await server.server.sendResourceUpdated({ uri: 'notes:///sums' });
      await server.sendResourceListChanged();
    }
    return { content: [{ type: 'text', text: 'changed' }] };
  });
  server.registerTool('wait', { description: 'Wait until nobody does.', inputSchema: z.object({}) }, async (_given, context) => {
    await context.mcpReq.notify({
      method: 'notifications/progress',
      params: { progressToken: context.mcpReq._meta?.progressToken, progress: 1 },
    });
    await new Promise((done) => context.mcpReq.signal.addEventListener('abort', done));
    cancelled += 1;
    return { content: [] };
  });
  server.registerTool('cancelled', { description: 'How many gave up waiting.', inputSchema: z.object({}) }, async () => ({
    content: [{ type: 'text', text: `${cancelled}` }],
  }));
  if (more) add(server);
  server.registerResource('sums', 'notes:///sums', { mimeType: 'text/plain' }, async (uri) => ({
    contents: [{ uri: uri.href, text: more ? 'new sums' : 'sums' }],
  }));
  server.registerResource(
    'note',
    new ResourceTemplate('notes:///{day}', { list: undefined, complete: { day: (typed) => ['monday', 'friday'].filter((day) => day.startsWith(typed)) } }),
    { mimeType: 'text/plain' },
    async (uri, { day }) => ({ contents: [{ uri: uri.href, text: `note of ${day}` }] }),
  );
  server.registerPrompt(
    'report',
    { description: 'Ask for a report.', argsSchema: z.object({ about: z.string() }) },
    async ({ about }) => ({ messages: [{ role: 'user', content: { type: 'text', text: `Report on ${about}.` } }] }),
  );
  return server;
};

if (process.argv[2] === undefined) {
  serveStdio(made);
} else {
  handler = createMcpHandler(made);
  const server = http.createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = parts.length ? Buffer.concat(parts) : undefined;
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const answer = await handler.fetch(
      new Request(`http://127.0.0.1${request.url}`, { method: request.method, headers: request.headers, body, signal: gone.signal }),
    );
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    try {
      if (answer.body !== null) for await (const part of answer.body) response.write(part);
    } catch {
      response.destroy();
    }
    response.end();
  });
  server.listen(Number(process.argv[2]), '127.0.0.1', () => console.error(`listening on ${process.argv[2]}`));
}

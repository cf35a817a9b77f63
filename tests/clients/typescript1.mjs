// TypeScript SDK 1.x, a client of the legacy era (what its argument and its report are: `peers.py`).
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { answers, capabilities, report } from './report.mjs';

const task = JSON.parse(process.argv[2]);

const transports = {
  http: () => new StreamableHTTPClientTransport(new URL(task.url)),
  sse: () => new SSEClientTransport(new URL(task.url)),
  stdio: () => new StdioClientTransport({ command: task.command[0], args: task.command.slice(1), env: task.env }),
};

const client = new Client({ name: task.name, version: '1.0.0' }, { capabilities: capabilities(task) });
if (task.interactive) {
  const { elicit, sample, roots } = answers(task.name);
  client.setRequestHandler(ElicitRequestSchema, elicit);
  client.setRequestHandler(CreateMessageRequestSchema, sample);
  client.setRequestHandler(ListRootsRequestSchema, roots);
}
const transport = transports[task.transport]();
await client.connect(transport);
const seen = await report(client, task.calls);
if (task.transport === 'http') await transport.terminateSession();
await client.close();
console.log(JSON.stringify({ era: 'legacy', ...seen }));

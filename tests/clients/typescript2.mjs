// TypeScript SDK 2.x, a client of both eras (what its argument and its report are: `peers.py`).
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { answers, capabilities, report } from './report.mjs';

const task = JSON.parse(process.argv[2]);

const mode = { auto: 'auto', legacy: 'legacy', modern: { pin: '2026-07-28' } }[task.era];
const client = new Client(
  { name: task.name, version: '1.0.0' },
  { capabilities: capabilities(task), versionNegotiation: { mode } },
);
if (task.interactive) {
  const { elicit, sample, roots } = answers(task.name);
  client.setRequestHandler('elicitation/create', elicit);
  client.setRequestHandler('sampling/createMessage', sample);
  client.setRequestHandler('roots/list', roots);
}
const transport =
  task.transport === 'http'
    ? new StreamableHTTPClientTransport(new URL(task.url))
    : new StdioClientTransport({ command: task.command[0], args: task.command.slice(1) });
await client.connect(transport);
const era = client.getProtocolEra();
const seen = await report(client, task.calls);
if (task.transport === 'http' && era === 'legacy') await transport.terminateSession();
await client.close();
console.log(JSON.stringify({ era, ...seen }));

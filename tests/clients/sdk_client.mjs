// TypeScript SDK 1.x: connects, lists everything offered, calls one tool and prints what it saw.
// Argument: {"transport": "http"|"sse"|"stdio", "url" | "command", "env"?, "tool", "arguments"}
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const task = JSON.parse(process.argv[2]);

const transports = {
  http: () => new StreamableHTTPClientTransport(new URL(task.url)),
  sse: () => new SSEClientTransport(new URL(task.url)),
  stdio: () => new StdioClientTransport({ command: task.command[0], args: task.command.slice(1), env: task.env }),
};

const client = new Client({ name: 'sdk-client', version: '1.0.0' });
const transport = transports[task.transport]();
await client.connect(transport);

const offered = client.getServerCapabilities();
const report = {
  server: client.getServerVersion(),
  tools: (await client.listTools()).tools,
  prompts: offered.prompts ? (await client.listPrompts()).prompts : null,
  resources: offered.resources ? (await client.listResources()).resources : null,
  result: await client.callTool({ name: task.tool, arguments: task.arguments }),
};
if (task.transport === 'http') await transport.terminateSession();
await client.close();
console.log(JSON.stringify(report));

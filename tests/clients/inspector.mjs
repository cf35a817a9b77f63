// Inspector's command line, once to list and once to call, as a person would type it; prints both
// answers in the shape of the other clients. Argument: {"url", "tool", "arguments"}
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const program = fileURLToPath(new URL('../node_modules/.bin/mcp-inspector-cli', import.meta.url));
const task = JSON.parse(process.argv[2]);

async function inspect(method, ...options) {
  const args = ['--cli', task.url, '--transport', 'http', '--method', method, ...options];
  const { stdout } = await promisify(execFile)(program, args, { maxBuffer: 1 << 24 });
  return JSON.parse(stdout);
}

const pairs = Object.entries(task.arguments).map(([name, value]) => {
  return `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
});
const call = ['--tool-name', task.tool, ...pairs.flatMap((pair) => ['--tool-arg', pair])];
const { tools } = await inspect('tools/list');
console.log(JSON.stringify({ tools, result: await inspect('tools/call', ...call) }));

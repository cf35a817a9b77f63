// Inspector's command line, once to list and once per call, as a person would type it; prints the
// answers in the shape of the other clients (`peers.py`). The older program speaks to legacy servers only
// and has no notion of an era; the newer one is told which to speak, and does not tell which it spoke.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const task = JSON.parse(process.argv[2]);
const name = task.era ? 'mcp-inspector' : 'mcp-inspector-cli';
const program = fileURLToPath(new URL(`../node_modules/.bin/${name}`, import.meta.url));

async function inspect(method, ...options) {
  const era = task.era ? ['--protocol-era', task.era] : [];
  const args = ['--cli', task.url, '--transport', 'http', ...era, '--method', method, ...options];
  const { stdout } = await promisify(execFile)(program, args, { maxBuffer: 1 << 24 });
  return JSON.parse(stdout);
}

function call({ tool, arguments: args }) {
  const pairs = Object.entries(args).map(([key, value]) => {
    return `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
  });
  return inspect('tools/call', '--tool-name', tool, ...pairs.flatMap((pair) => ['--tool-arg', pair]));
}

const { tools } = await inspect('tools/list');
const results = [];
for (const each of task.calls) results.push(await call(each));
console.log(JSON.stringify({ tools, results }));

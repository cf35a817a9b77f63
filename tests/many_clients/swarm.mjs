// Many TypeScript SDK 1.x clients in one process. Every client runs the same script, so that all of
// them use the same request ids and progress tokens; only the texts name their owner.
// Argument: {"transport": "http"|"sse", "url", "owners": [{"name", "cancels"}], "seconds", "slowMs"}
// Says "ready", waits for a line, runs the script, says "done", waits for a line, fences and reports.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { createInterface } from 'node:readline';

const task = JSON.parse(process.argv[2]);
const timeout = task.seconds * 1000;
// After a cancelled call the SDK resumes its ended stream, finds nothing there, and then opens a second
// background stream besides the first; each has the other closed, resumes, and is told again what went to
// the other. No stream breaks here, so none needs to be resumed.
const once = { maxRetries: 0, initialReconnectionDelay: 1, maxReconnectionDelay: 1, reconnectionDelayGrowFactor: 1 };

/** One client and all that it sent and received, as on the wire. */
class Member {
  sent = [];
  received = [];
  results = {};
  #waiting = [];

  constructor({ name, cancels }) {
    this.name = name;
    this.cancels = cancels;
    this.uri = `probe://${name}`;
    const capabilities = { sampling: {}, elicitation: {} };
    this.client = new Client({ name: 'swarm', version: '1.0.0' }, { capabilities });
    this.client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      return { action: 'accept', content: { answer: `${name} answers ${params.message}` } };
    });
    this.client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => {
      const text = `${name} answers ${params.messages[0].content.text}`;
      return { role: 'assistant', model: 'none', content: { type: 'text', text } };
    });
  }

  async connect() {
    const url = new URL(task.url);
    this.transport =
      task.transport === 'sse'
        ? new SSEClientTransport(url)
        : new StreamableHTTPClientTransport(url, { reconnectionOptions: once });
    await this.client.connect(this.transport, { timeout });
    this.#tap();
    await this.client.setLoggingLevel('debug', { timeout });
    await this.client.subscribeResource({ uri: this.uri }, { timeout });
  }

  /** The SDK drops what it cannot place; a foreign message is just that, so it is taken off the wire. */
  #tap() {
    const { transport } = this;
    const deliver = transport.onmessage;
    transport.onmessage = (message, extra) => {
      if (message.method) {
        this.received.push(message);
        this.#waiting = this.#waiting.filter((waiter) => !waiter(message));
      }
      deliver(message, extra);
    };
    const send = transport.send.bind(transport);
    transport.send = (message, options) => {
      if (message.method === 'tools/call') {
        const { name, arguments: args, _meta } = message.params;
        this.sent.push({ id: message.id, token: _meta?.progressToken ?? null, tool: name, arguments: args });
      }
      return send(message, options);
    };
  }

  /** Resolves when a received message satisfies `wanted`. */
  #arrival(wanted) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.name}: an expected message never came`)), timeout);
      this.#waiting.push((message) => {
        if (!wanted(message)) return false;
        clearTimeout(timer);
        resolve();
        return true;
      });
    });
  }

  /** Keeps the answer, or the refusal, under `key`. */
  async #call(key, name, args, options) {
    const { content, isError } = await this.client.callTool({ name, arguments: args }, undefined, {
      timeout,
      onprogress: () => {},
      ...options,
    });
    this.results[key] = { text: content[0].text, isError: isError === true };
  }

  /** Has the own resource announced and waits for the news. */
  async #update(key) {
    const news = this.#arrival(({ method, params }) => method.endsWith('/updated') && params.uri === this.uri);
    await Promise.all([this.#call(key, 'update', { uri: this.uri }), news]);
  }

  async #slow() {
    const label = `${this.name} slow`;
    if (!this.cancels) return this.#call('slow', 'slow', { label, ms: task.slowMs });
    const abort = new AbortController();
    const started = this.#arrival(({ method, params }) => method.endsWith('/progress') && params.message === label);
    void started.catch(() => {});
    const call = this.#call('slow', 'slow', { label, ms: 10 * timeout }, { signal: abort.signal });
    const cancelled = call.then(
      () => Promise.reject(new Error(`${label}: answered although cancelled`)),
      () => {},
    );
    await started;
    abort.abort('enough');
    await cancelled;
  }

  /** Every feature at once. */
  async run() {
    const { name } = this;
    const work = [];
    for (const n of [0, 1]) {
      work.push(this.#call(`echo ${n}`, 'echo', { text: `${name} echo ${n} ${name.repeat(100)}` }));
      work.push(this.#call(`progress ${n}`, 'progress', { label: `${name} progress ${n}`, steps: 5 }));
      work.push(this.#call(`log ${n}`, 'log', { level: 'info', text: `${name} log ${n}` }));
      work.push(this.#call(`elicit ${n}`, 'elicit', { message: `${name} elicit ${n}` }));
      work.push(this.#call(`sample ${n}`, 'sample', { prompt: `${name} sample ${n}` }));
    }
    work.push(this.#slow(), this.#update('update 0'));
    await Promise.all(work);
  }

  /** Whatever was still under way has arrived before these answers have. */
  async fence() {
    await this.#update('update 1');
    do await this.#call('outcome', 'slow_outcome', { label: `${this.name} slow` });
    while (this.results.outcome.text === 'running');
  }

  async close() {
    if (task.transport === 'http') await this.transport.terminateSession();
    await this.client.close();
  }

  report() {
    const { sent, received, results } = this;
    return { sent, received, results };
  }
}

const say = (value) => console.log(JSON.stringify(value));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const members = task.owners.map((owner) => new Member(owner));
const everyone = (step) => Promise.all(members.map(step));

await everyone((member) => member.connect());
say('ready');
await lines.next();
await everyone((member) => member.run());
say('done');
await lines.next();
await everyone((member) => member.fence());
await everyone((member) => member.close());
const reports = Object.fromEntries(members.map((member) => [member.name, member.report()]));
// Not before the pipe has taken all of it.
process.stdout.write(`${JSON.stringify(reports)}\n`, () => process.exit(0));

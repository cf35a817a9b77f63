// What the TypeScript clients of both SDKs have in common.

/** What a client declares that is to answer questions. */
export function capabilities({ interactive }) {
  return interactive ? { elicitation: {}, sampling: {}, roots: {} } : {};
}

/** Handlers whose answers name both who answers and what was asked. */
export function answers(name) {
  return {
    elicit: ({ params }) => ({ action: 'accept', content: { answer: `${name} answers ${params.message}` } }),
    sample: ({ params }) => {
      const text = `${name} answers ${params.messages[0].content.text}`;
      return { role: 'assistant', model: 'none', content: { type: 'text', text } };
    },
    roots: () => ({ roots: [{ uri: `file:///${name}` }] }),
  };
}

/** Lists everything offered and makes the calls, one after the other. */
export async function report(client, calls) {
  const offered = client.getServerCapabilities();
  const seen = {
    server: client.getServerVersion(),
    tools: (await client.listTools()).tools,
    prompts: offered.prompts ? (await client.listPrompts()).prompts : null,
    resources: offered.resources ? (await client.listResources()).resources : null,
    results: [],
  };
  for (const { tool, arguments: args } of calls) {
    seen.results.push(await client.callTool({ name: tool, arguments: args }));
  }
  return seen;
}

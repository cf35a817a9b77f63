// Node 20 has no `fs.globSync`, which the conformance suite imports and uses only in a command that
// is never run here. Preloaded with `node --import`, before `fs` gets its list of exports: hence no
// import of `fs` in this file.
process.getBuiltinModule('fs').globSync ??= () => {
  throw new Error('fs.globSync needs Node 22');
};

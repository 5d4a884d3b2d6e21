"use strict";
const examples = {
  "Find a record": ["query Find($text: String!) {\n  find(text: $text) {\n    asOf { commit token }\n    matches { id kind label steward identifiers { scheme value } }\n  }\n}", { text: "DOSE-101-A@cellforge" }],
  "Lineage of a product": ["query Lineage($id: ID!) {\n  lineage(id: $id) {\n    events\n    completeness { total depthReached truncated reasons }\n    records(first: 100) {\n      edges { depth node { kind label start steward ... on Step { type performedBy { label } } } }\n    }\n  }\n}", { id: "DOSE-101-A@cellforge" }],
  "Recall of a lot": ["query Recall($ids: [ID!]!) {\n  recall(ids: $ids) {\n    reached { materials doses persons }\n    completeness { truncated reasons }\n    records(first: 100) { edges { custodian status node { kind label } } }\n  }\n}", { ids: ["lot:VEC-7@vectorworks"] }],
  "History of a record": ["query History($id: ID!) {\n  history(id: $id) {\n    totalCount\n    edges { node { commit time steward source at values } }\n  }\n}", { id: "DOSE-101-A@cellforge" }],
};
const query = document.getElementById("query");
const variables = document.getElementById("variables");
const choice = document.getElementById("example");
const answer = document.getElementById("answer");
const state = document.getElementById("state");

function show(name) {
  query.value = examples[name][0];
  variables.value = JSON.stringify(examples[name][1], null, 2);
}

async function run() {
  state.textContent = "running ...";
  try {
    const body = JSON.stringify({ query: query.value, variables: JSON.parse(variables.value || "{}") });
    const response = await fetch("graphql", { method: "POST", headers: { "content-type": "application/json" }, body });
    answer.textContent = JSON.stringify(await response.json(), null, 2);
    state.textContent = response.ok ? "done" : "refused (" + response.status + ")";
  } catch (error) {
    answer.textContent = String(error);
    state.textContent = "not sent: check the variables and the connection";
  }
}

for (const name of Object.keys(examples)) choice.add(new Option(name, name));
choice.addEventListener("change", () => show(choice.value));
document.getElementById("run").addEventListener("click", run);
document.addEventListener("keydown", (event) => { if (event.ctrlKey && event.key === "Enter") run(); });
choice.value = "Lineage of a product";
show(choice.value);

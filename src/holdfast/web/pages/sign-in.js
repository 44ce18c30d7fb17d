// The token is in the fragment, so that it is in no log and no Referer; it leaves the address bar at once.
"use strict";
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const form = document.getElementById("form");
const said = document.getElementById("said");
const button = form.querySelector("button");

if (token) {
  history.replaceState(null, "", "/");
  document.getElementById("lead").textContent =
    "Nobody owns this installation yet. Choose the owner's e-mail and a password of at least 12 characters.";
  button.textContent = "Become the owner";
  form.elements.password.autocomplete = "new-password";
  form.elements.password.minLength = 12;
} else {
  fetch("/api/v1/session").then((answer) => answer.ok && answer.json().then(signedIn), () => undefined);
}

function signedIn(who) {
  form.hidden = true;
  form.reset();
  document.getElementById("who").textContent = who.display;
  document.getElementById("done").hidden = false;
}

function say(text) {
  said.textContent = text && text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

async function send(path, method, body) {
  const options = { method, headers: { "content-type": "application/json" } };
  if (body) options.body = JSON.stringify(body);
  try {
    const answer = await fetch(path, options);
    if (answer.ok) return answer;
    const error = (await answer.json()).error;
    const fields = (error.details.fields || []).map((field) => `${field.field.replace("body.", "")}: ${field.message}`);
    say([fields.length ? fields.join("; ") : error.message, error.hint].filter(Boolean).join(". "));
  } catch {
    say("The server did not answer.");
  }
  return null;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  say("");
  const wrong = [...form.elements].find((field) => !field.checkValidity());
  if (wrong) {
    say(wrong.validationMessage);
    wrong.focus();
    return;
  }
  const body = { email: form.elements.email.value, password: form.elements.password.value };
  if (token) body.token = token;
  button.disabled = true;
  const answer = await send(token ? "/api/v1/session/first-run" : "/api/v1/session", "POST", body);
  button.disabled = false;
  if (answer) signedIn(await answer.json());
});

document.getElementById("leave").addEventListener("click", async () => {
  if (await send("/api/v1/session", "DELETE")) location.replace("/");
});

// The token is in the fragment, so that it is in no log and no Referer; it leaves the address bar at once.
"use strict";
const LINKS = {
  token: {
    path: "/api/v1/session/first-run",
    lead: "Nobody owns this installation yet. Choose the owner's e-mail and a password of at least 12 characters.",
    button: "Become the owner",
  },
  invite: {
    path: "/api/v1/invites/accept",
    lead: "You were invited. Choose a password of at least 12 characters; three or four unrelated words make a good one.",
    button: "Make my account",
    hidden: ["email"],
    shown: ["name"],
  },
  reset: {
    path: "/api/v1/session/reset",
    lead: "Choose a new password of at least 12 characters; then sign in with it.",
    button: "Set the password",
    hidden: ["email"],
  },
};
const given = [...new URLSearchParams(location.hash.slice(1))].find(([name]) => Object.hasOwn(LINKS, name));
const link = given && LINKS[given[0]];
const form = document.getElementById("form");
const said = document.getElementById("said");
const button = form.querySelector("button");

if (link) {
  history.replaceState(null, "", location.pathname);
  document.getElementById("lead").textContent = link.lead;
  button.textContent = link.button;
  for (const name of link.hidden || []) show(name, false);
  for (const name of link.shown || []) show(name, true);
  form.elements.password.autocomplete = "new-password";
  form.elements.password.minLength = 12;
} else {
  fetch("/api/v1/session").then((answer) => answer.ok && answer.json().then(signedIn), () => undefined);
  fetch("/api/v1/sso").then((answer) => answer.ok && answer.json().then(offer), () => undefined);
}

function show(name, wanted) {
  form.elements[name].disabled = !wanted;
  form.elements[name].closest("label").hidden = !wanted;
}

// A passkey when there is one for this site and the browser has it; else the field for a code.
async function second(details) {
  show("code", true);
  form.elements.code.focus();
  if (!details.passkey || !window.PublicKeyCredential || !PublicKeyCredential.parseRequestOptionsFromJSON) return;
  try {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(details.passkey.options);
    const found = await navigator.credentials.get({ publicKey });
    const passkey = { flow: details.passkey.flow, credential: found.toJSON() };
    const body = { email: form.elements.email.value, password: form.elements.password.value, passkey };
    const answer = await send("/api/v1/session", "POST", body);
    if (answer) signedIn(await answer.json());
  } catch {
    say("No passkey was used. Type the code from your app, or a recovery code.");
  }
}

// The identity providers people may come from. Names are text, never markup.
function offer(found) {
  const place = document.getElementById("elsewhere");
  for (const provider of found.providers) {
    const way = document.createElement("a");
    way.className = "button quiet";
    way.href = provider.start;
    way.textContent = `Sign in with ${provider.name}`;
    place.append(way, " ");
  }
  place.hidden = found.providers.length === 0;
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
    if (error.code === "second_factor_required" && !link && form.elements.code.disabled) {
      await second(error.details);
      return null;
    }
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
  const body = { password: form.elements.password.value };
  for (const name of ["email", "name", "code"]) if (!form.elements[name].disabled) body[name] = form.elements[name].value;
  if (link) body.token = given[1];
  button.disabled = true;
  const answer = await send(link ? link.path : "/api/v1/session", "POST", body);
  button.disabled = false;
  if (!answer) return;
  if (answer.status === 204) location.replace(location.pathname);
  else signedIn(await answer.json());
});

document.getElementById("leave").addEventListener("click", async () => {
  if (await send("/api/v1/session", "DELETE")) location.replace(location.pathname);
});

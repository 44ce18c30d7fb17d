// The token is in the fragment, so that it is in no log and no Referer; it leaves the address bar at once.
"use strict";
const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  history.replaceState(null, "", "/");
  document.getElementById("lead").textContent =
    "Nobody owns this installation yet. Choose the owner's e-mail and a password of at least 12 characters.";
}
const form = document.getElementById("form");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const said = document.getElementById("said");
  said.textContent = "";
  const body = { email: form.elements.email.value, password: form.elements.password.value };
  if (token) body.token = token;
  try {
    const answer = await fetch(token ? "/api/v1/session/first-run" : "/api/v1/session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (answer.ok) {
      form.hidden = true;
      document.getElementById("done").hidden = false;
      return;
    }
    const error = (await answer.json()).error;
    said.textContent = [error.message, error.hint].filter(Boolean).join(". ");
  } catch {
    said.textContent = "The server did not answer.";
  }
});

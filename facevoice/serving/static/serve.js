// The page of `facevoice serve`: chooses media and shows the answers.
// Texts of the server are set with textContent, so that markup in names stays text.
"use strict";

const $ = id => document.getElementById(id);
const isGallery = document.body.dataset.gallery === "yes";
const maxBytes = Number(document.body.dataset.maxBytes);
const fields = ["face", "audio"].filter($);
let token = "";

// Elements and messages

function element(tag, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
}

function say(text) {
  $("status").textContent = text;
}

function complain(text) {
  say("");
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

function readable(name) {
  return isGallery ? name : name.replaceAll("_", " ");
}

// Requests

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer; is it still running?");
  }
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(content.error || `The server answered with ${answer.status}.`);
  return content;
}

function form(names) {
  const body = new FormData();
  for (const field of fields) {
    const file = $(field).files[0];
    if (file && names.includes(field)) body.append(field, file);
  }
  const bytes = fields.reduce((sum, field) => sum + ($(field).files[0]?.size || 0), 0);
  if (bytes > maxBytes)
    throw new Error(`The files are larger than ${maxBytes / 1e6} MB together; send smaller ones.`);
  return body;
}

function changing(body) {
  return { method: "POST", body, headers: { Authorization: `Bearer ${token}` } };
}

// Runs the work of a form, which cannot be sent twice meanwhile.
async function submit(event, work) {
  event.preventDefault();
  const button = event.target.querySelector("button[type=submit]");
  if (button.disabled) return;
  button.disabled = true;
  complain("");
  try {
    await work();
  } catch (error) {
    complain(error.message);
  } finally {
    button.disabled = false;
  }
}

// Files

function setFile(field, file) {
  const files = new DataTransfer();
  if (file) files.items.add(file);
  $(field).files = files.files;
  showPreview(field);
}

function showPreview(field) {
  const file = $(field).files[0], preview = $(`${field}-preview`);
  if (preview.src) URL.revokeObjectURL(preview.src);
  if (file) preview.src = URL.createObjectURL(file);
  else preview.removeAttribute("src");
  preview.hidden = !file;
  document.querySelector(`.remove[data-for=${field}]`).hidden = !file;
  $("answer").hidden = true;
  complain("");
}

for (const field of fields) {
  const drop = $(`${field}-drop`);
  $(field).addEventListener("change", () => showPreview(field));
  $(`${field}-preview`).addEventListener("error", event => { event.target.hidden = true; });
  drop.addEventListener("dragover", event => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", event => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length) setFile(field, event.dataTransfer.files[0]);
  });
}
for (const button of document.querySelectorAll(".remove"))
  button.addEventListener("click", () => {
    setFile(button.dataset.for, null);
    $(button.dataset.for).focus();
  });
// A file that is dropped beside the fields would replace the page.
for (const type of ["dragover", "drop"])
  addEventListener(type, event => event.preventDefault());

// Answers

function bar(label, share, value) {
  const inner = element("i");
  inner.style.width = `${100 * Math.max(0, Math.min(1, share))}%`;
  const box = element("div", { className: "bar" }, inner);
  box.setAttribute("aria-hidden", "true");
  return element("tr", {},
    element("th", { scope: "row", textContent: label }),
    element("td", { className: "share" }, box),
    element("td", { className: "number", textContent: value }));
}

function bars(people, kind) {
  const isShare = kind === "probability";
  const full = isShare ? 1 : Math.max(...people.map(each => each.score), 1e-9);
  return people.map(each => bar(readable(each.name), each.score / full,
    isShare ? `${(100 * each.score).toFixed(1)} %` : each.score.toFixed(3)));
}

function verdict(answer) {
  if (answer.known === null) return "Undecided";
  return answer.known ? readable(answer.answer) : "Unknown";
}

function threshold(answer) {
  if (answer.threshold === null) return `No threshold: ${answer.threshold_source}.`;
  const limit = answer.score === "probability"
    ? `${(100 * answer.threshold).toFixed(1)} %` : answer.threshold.toFixed(3);
  return `A known person has a ${answer.score} above ${limit} (${answer.threshold_source}).`;
}

function panel(field, medium, kind) {
  const alt = { face: "The aligned face", audio: "The spectrogram" }[field];
  const img = element("img", { className: field, src: medium.picture, alt });
  img.addEventListener("load", () => img.classList.toggle("coarse", img.naturalWidth < 96));
  const figure = element("figure", {}, img, element("figcaption", { textContent: medium.caption }));
  if (medium.people.length) {
    const title = { face: "By the face alone", audio: "By the voice alone" }[field];
    const table = element("table", { className: "bars" },
      element("tbody", {}, ...bars(medium.people, kind)));
    table.setAttribute("aria-label", title);
    figure.append(element("h3", { textContent: title }), table);
  }
  return figure;
}

function showEvidence(evidence) {
  $("evidence").hidden = !evidence;
  if (!evidence) return;
  const [first, second] = [evidence.name, evidence.rival].map(readable);
  $("evidence-text").textContent =
    `What speaks for ${first} rather than ${second}, in ${evidence.unit}; below 0 it speaks for ${second}.`;
  const most = Math.max(Math.abs(evidence.face), Math.abs(evidence.audio), 1e-9);
  $("evidence-bars").replaceChildren(...[["Face", evidence.face], ["Voice", evidence.audio]].map(
    ([label, value]) => bar(label, value / most, value.toFixed(2))));
}

function show(answer) {
  $("answer-name").textContent = verdict(answer);
  $("answer-threshold").textContent = threshold(answer);
  $("answer-people").replaceChildren(...bars(answer.people, answer.score));
  showEvidence(answer.evidence);
  $("answer-media").replaceChildren(...["face", "audio"].filter(field => answer[field])
    .map(field => panel(field, answer[field], answer.score)));
  $("answer").hidden = false;
  $("answer-name").focus();
}

$("query").addEventListener("submit", event => submit(event, async () => {
  $("answer").hidden = true;
  const body = form(fields);
  if (![...body.keys()].length) throw new Error("Choose a photograph or a clip first.");
  say("Identifying …");
  show(await ask("/identify", { method: "POST", body }));
  say("");
}));

// People of the gallery

const counts = { image: ["face", "faces"], audio: ["clip", "clips"] };

function samples(person) {
  return Object.keys(counts).filter(key => person[key])
    .map(key => `${person[key]} ${counts[key][person[key] === 1 ? 0 : 1]}`).join(" and ");
}

async function showPeople() {
  const { people } = await ask("/people", { headers: { Authorization: `Bearer ${token}` } });
  $("token-form").hidden = true;
  $("unlocked").hidden = false;
  $("nobody").hidden = people.length > 0;
  $("people").replaceChildren(...people.map(person => {
    const button = element("button", { type: "button", textContent: "Forget" });
    button.setAttribute("aria-label", `Forget ${person.name}`);
    button.addEventListener("click", () => forget(person.name));
    return element("li", {}, element("b", { textContent: person.name }),
      element("span", { textContent: samples(person) }), button);
  }));
}

async function forget(name) {
  if (!confirm(`Forget ${name}? This removes the person from the gallery.`)) return;
  complain("");
  const body = new FormData();
  body.append("name", name);
  try {
    await ask("/forget", changing(body));
    await showPeople();
    say(`${name} is forgotten.`);
    $("name").focus();
  } catch (error) {
    complain(error.message);
  }
}

if (isGallery) {
  $("token-form").addEventListener("submit", event => submit(event, async () => {
    token = $("token").value.trim();
    await showPeople();
  }));
  $("enroll").addEventListener("submit", event => submit(event, async () => {
    const body = form(fields);
    if (![...body.keys()].length) throw new Error("Choose a photograph or a clip above first.");
    body.append("name", $("name").value);
    say("Enrolling …");
    const { name, added } = await ask("/enroll", changing(body));
    await showPeople();
    say(added ? `${name} is enrolled.` : `${name} has these files already.`);
    $("name").value = "";
  }));
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    token = given;
    history.replaceState(null, "", location.pathname); // not in the history, nor in a screenshot
    $("token-form").hidden = true;
    showPeople().catch(error => {
      $("token-form").hidden = false;
      complain(error.message);
    });
  }
}

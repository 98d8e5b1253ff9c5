// Takes photographs and records clips for the page; uses functions of serve.js.
"use strict";

const MAX_RECORDING_SECONDS = 30;
const RECORDING_RATE_HZ = 16000;

// Camera

let stream = null;

function stopCamera() {
  stream?.getTracks().forEach(track => track.stop());
  stream = null;
  $("camera").hidden = $("shutter").hidden = true;
  $("camera-button").textContent = "Use the camera";
}

async function toggleCamera() {
  if (stream) return stopCamera();
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } });
  } catch (error) {
    return complain(`The camera cannot be used (${error.message}).`);
  }
  const video = $("camera");
  video.srcObject = stream;
  video.hidden = false;
  $("camera-button").textContent = "Stop the camera";
  // Before the first frame, a photograph would be black.
  const isReady = () => { $("shutter").hidden = !stream; };
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(isReady);
  else video.addEventListener("playing", isReady, { once: true });
}

function takePhotograph() {
  const video = $("camera");
  const canvas = element("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob(blob => {
    stopCamera();
    if (!blob) return complain("The camera gives no picture yet; try again.");
    setFile("face", new File([blob], "camera.png", { type: "image/png" }));
    $("identify").focus();
  }, "image/png");
}

// Microphone

let recorder = null;

async function toggleRecording() {
  if (recorder) return recorder.stop();
  let microphone;
  try {
    microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch (error) {
    return complain(`The microphone cannot be used (${error.message}).`);
  }
  const parts = [];
  recorder = new MediaRecorder(microphone);
  recorder.addEventListener("dataavailable", event => parts.push(event.data));
  recorder.addEventListener("stop", async () => {
    recorder = null;
    microphone.getTracks().forEach(track => track.stop());
    $("record-button").textContent = "Record";
    try {
      const wav = await toWav(await new Blob(parts).arrayBuffer());
      setFile("audio", new File([wav], "recording.wav", { type: "audio/wav" }));
      say("");
    } catch {
      complain("The recording cannot be read; record for a second or more.");
    }
  });
  recorder.start();
  complain("");
  say(`Recording, at most ${MAX_RECORDING_SECONDS} s.`);
  $("record-button").textContent = "Stop";
  const started = recorder;
  setTimeout(() => started === recorder && started.stop(), 1000 * MAX_RECORDING_SECONDS);
}

// Returns a WAV file, mono, 16 bits, of a recording in any format that the browser decodes.
async function toWav(content) {
  const context = new OfflineAudioContext(1, 1, RECORDING_RATE_HZ); // resamples
  const audio = await context.decodeAudioData(content);
  const view = new DataView(new ArrayBuffer(44 + 2 * audio.length));
  const text = (at, letters) => [...letters].forEach((c, i) => view.setUint8(at + i, c.charCodeAt()));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * audio.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // length of the format
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, RECORDING_RATE_HZ, true);
  view.setUint32(28, 2 * RECORDING_RATE_HZ, true); // bytes a second
  view.setUint16(32, 2, true); // bytes a sample
  view.setUint16(34, 16, true); // bits
  text(36, "data");
  view.setUint32(40, 2 * audio.length, true);
  const channels = Array.from({ length: audio.numberOfChannels }, (_, i) => audio.getChannelData(i));
  for (let i = 0; i < audio.length; i++) {
    const mean = channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length;
    view.setInt16(44 + 2 * i, Math.round(32767 * Math.max(-1, Math.min(1, mean))), true);
  }
  return new Blob([view]);
}

if (!navigator.mediaDevices)
  for (const [field, id] of [["face", "camera-button"], ["audio", "record-button"]]) {
    if (!$(id)) continue;
    $(id).hidden = true;
    $(`${field}-help`).textContent += " Camera and microphone need localhost or TLS.";
  }
$("camera-button")?.addEventListener("click", toggleCamera);
$("shutter")?.addEventListener("click", takePhotograph);
$("record-button")?.addEventListener("click", toggleRecording);

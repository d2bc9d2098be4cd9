// Passport pages: one at a time on screen, all of them on paper.
const passports = $$(".passport");
const passportChoice = $("#passport-choice");

function showPassport(id) {
  if (!passports.some((page) => page.id === id)) return;
  passports.forEach((page) => page.classList.toggle("shown", page.id === id));
  passportChoice.value = id;
}

function printOnly(...classes) {
  document.body.classList.add(...classes);
  addEventListener("afterprint", () => document.body.classList.remove(...classes), { once: true });
  print();
}

if (passports.length) {
  showPassport(passports[0].id);
  showPassport(location.hash.slice(1));
  passportChoice.addEventListener("change", () => showPassport(passportChoice.value));
  const step = (by) => showPassport(passports[(passportChoice.selectedIndex + by + passports.length) % passports.length].id);
  $("#passport-back").addEventListener("click", () => step(-1));
  $("#passport-next").addEventListener("click", () => step(1));
  $("#print-one").addEventListener("click", () => printOnly("only-passports", "one-passport"));
  $("#print-all").addEventListener("click", () => printOnly("only-passports"));
  for (const link of $$('a[href^="#lot-"]')) link.addEventListener("click", () => showPassport(link.hash.slice(1)));
}

#include "apps/strata/command_line.h"

#include <CLI/CLI.hpp>
#include <array>
#include <iostream>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/base/version.h"

namespace strata::cli {
namespace {

constexpr const char* kFooter =
    "Environment: STRATA_NUM_THREADS, STRATA_DATA (data sets), STRATA_RECIPES, STRATA_ISA (reference, avx2, avx512),\n"
    "STRATA_ALLOCATOR=system, NO_COLOR. Exit codes: 0 done, 1 failed, 2 wrong usage.";

CLI::Option* reports(CLI::App* verb, Common& common) {
  return verb->add_flag("--json", common.json, "print the result as JSON");
}

void works(CLI::App* verb, Common& common) {
  verb->add_option("--threads", common.threads, "threads to use; as a rule, as many as this process may")
      ->type_name("N")
      ->check(CLI::Range(1, 4096).description(""));
  reports(verb, common);
  verb->add_flag("--quiet", common.quiet, "no progress, no notes");
}

CLI::Option* model(CLI::App* verb, std::string& folder) {
  return verb->add_option("MODEL", folder, "a checkpoint: the folder with config.json and model.safetensors")
      ->required()
      ->type_name("FOLDER");
}

void models(CLI::App* verb, std::vector<std::string>& folders, const char* what) {
  verb->add_option("MODEL", folders, what)->required()->type_name("[NAME=]FOLDER");
}

void data(CLI::App* verb, std::string& name) {
  verb->add_option("--data", name, "a data set by name (fashion-mnist) or its folder")
      ->type_name("FOLDER")
      ->capture_default_str();
}

CLI::Option* output(CLI::App* verb, std::string& folder) {
  return verb->add_option("--output", folder, "folder for the new checkpoint")->required()->type_name("FOLDER");
}

void adapter(CLI::App* verb, std::string& folder) {
  verb->add_option("--adapter", folder, "a LoRA adapter, as PEFT saves it, on the opened model")->type_name("FOLDER");
}

void sources(CLI::App* verb, std::vector<std::string>& list) {
  verb->add_option("--source", list, "another model whose blocks routes may call: --source a=FOLDER --route a:0-5,6-11")
      ->type_name("NAME=FOLDER");
}

CLI::Option* count(CLI::App* verb, const char* name, int64_t& value, const char* what, int64_t least = 0) {
  return verb->add_option(name, value, what)
      ->type_name("N")
      ->check(CLI::Range(least, int64_t{1'000'000'000}).description(""))
      ->capture_default_str();
}

void surgery_data(CLI::App* verb, SurgeryData& options, const char* what) {
  data(verb, options.data);
  count(verb, "--images", options.images, (std::string(what) + " N training images").c_str(), 1);
  verb->add_option("--text", options.text, "language models: a file, a folder, kjv or rfc; as a rule kjv")
      ->type_name("TEXT");
  count(verb, "--tokens", options.tokens, (std::string(what) + " N tokens or so of it").c_str(), 1);
}

void seed(CLI::App* verb, uint64_t& value, const char* what) {
  verb->add_option("--seed", value, what)->type_name("N")->capture_default_str();
}

// CLI11 knows no "did you mean" and speaks of subcommands, so words it would stumble over are looked at first.
void check_verb(const CLI::App& app, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands({}))
    if (!verb->get_group().empty()) names.push_back(verb->get_name());
  for (const CLI::App* verb : app.get_subcommands({}))
    if (verb->get_name() == word) return;
  fail_usage("unknown verb '", word, "'", suggestion(word, names), "; the verbs are ", join_names(names));
}

std::vector<std::string> option_names(const CLI::App& verb) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

}  // namespace

void describe(CLI::App& app, Options& o) {
  app.name("strata");
  app.description(
      "Strata trains, rewires and runs neural networks whose layers can be skipped, reordered and run side by side.");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_help_flag("-h,--help", "print this help");
  app.set_version_flag("--version", std::string("strata ") + version(), "print the version");
  app.get_formatter()->column_width(26);
  app.get_formatter()->label("REQUIRED", "");
  app.get_formatter()->label("SUBCOMMAND", "VERB ...");
  app.get_formatter()->label("Subcommands", "Verbs");
  const auto add = [&app](const char* name, const char* what) {
    CLI::App* verb = app.add_subcommand(name, what);
    verb->group("Verbs");
    return verb;
  };

  auto* train = add("train", "Train or fine-tune by a recipe; after a kill it resumes where it stopped, bit for bit");
  train
      ->add_option("RECIPE", o.train.recipe,
                   "a recipe or suite: a TOML file, or the name of one that comes with Strata (strata recipes)")
      ->required()
      ->type_name("RECIPE");
  train->add_option("--set", o.train.set, "change a value of the recipe: --set train.steps=200")
      ->type_name("KEY=VALUE");
  train->add_option("--seeds", o.train.seeds, "train once for each seed and report mean and spread: --seeds 0,1,2")
      ->type_name("N,N")
      ->delimiter(',');
  train->add_option("--out", o.train.run_folder, "folder of the run; as a rule runs/<recipe>-seed<N>")
      ->type_name("FOLDER");
  train->add_flag("--restart", o.train.restart, "forget an unfinished run of that folder");
  train->add_flag("--force", o.train.force,
                  "resume although recipe, data, threads or kernels differ from the checkpoint's");
  works(train, o.common);

  auto* eval = add("eval", "Accuracy and loss along one or many routes");
  models(eval, o.eval.models,
         "a checkpoint, and further ones that routes call by name: a=FOLDER b=FOLDER --route a:0-2,b:3-5");
  eval->add_option("--route", o.eval.routes,
                   "routes such as 0-5  3,1,2,0  0-2x2  0,1+2,3; as a rule all blocks in order")
      ->type_name("R");
  eval->add_option("--routes", o.eval.routes_file, "a file of routes, one per line; # starts a comment")
      ->type_name("FILE");
  count(eval, "--orders", o.eval.orders, "this many random orders of all blocks");
  count(eval, "--keep", o.eval.keep, "with --orders: random choices of so many blocks, in ascending order");
  count(eval, "--merges", o.eval.merges,
        "this many random merges of the named models: slot i runs block i of one of them");
  eval->add_flag("--any-slot", o.eval.any_slot, "with --merges: each slot runs any block of any of them, none twice");
  seed(eval, o.eval.seed, "seed of --orders and --merges");
  sources(eval, o.eval.sources);
  adapter(eval, o.eval.adapter);
  data(eval, o.eval.data);
  eval->add_option("--split", o.eval.split, "which images")
      ->type_name("{train,test}")
      ->check(CLI::IsMember({"train", "test"}).description(""))
      ->capture_default_str();
  count(eval, "--limit", o.eval.limit, "use the first N images, or about N tokens of text; 0: all");
  count(eval, "--batch", o.eval.batch, "images at a time", 1);
  eval->add_option("--text", o.eval.text,
                   "language models: perplexity and bits per byte of a file, a folder, kjv or rfc")
      ->type_name("TEXT");
  count(eval, "--context", o.eval.context, "tokens a model sees at most; 0: as many as it can, up to 1024");
  count(eval, "--stride", o.eval.stride, "tokens the window moves on by; 0: half the context");
  eval->add_option("--choices", o.eval.choices,
                   "language models: accuracy on multiple choice, JSON lines with question, choices and answer")
      ->type_name("FILE");
  eval->add_flag("--ensemble", o.eval.ensemble,
                 "also the average of the outputs of all routes, and of all models where several are given");
  eval->add_option("--average", o.eval.average, "what --ensemble averages")
      ->type_name("{probabilities,logits}")
      ->check(CLI::IsMember({"probabilities", "logits"}).description(""))
      ->capture_default_str();
  eval->add_flag("--one-by-one", o.eval.one_by_one, "run every route from its start instead of sharing beginnings");
  works(eval, o.common);

  auto* run = add("run", "One pass on tensors from a file; writes logits and any tap");
  models(run, o.run.models, "a checkpoint, and further ones that the route calls by name");
  run->add_option(
         "--input", o.run.input,
         "safetensors file with pixel_values [batch, channels, height, width] float32, or tokens [batch, time] "
         "int64 and, where rows end earlier, lengths [batch]")
      ->required()
      ->type_name("FILE");
  run->add_option("--output", o.run.output, "safetensors file to write: logits and taps")
      ->required()
      ->type_name("FILE");
  run->add_option("--route", o.run.route, "the route; as a rule all blocks in order")->type_name("R");
  run->add_option("--tap", o.run.taps,
                  "intermediates to write too: embed, slot.3, slot.3.block.7.mixer, norm; * stands for any")
      ->type_name("NAME");
  sources(run, o.run.sources);
  adapter(run, o.run.adapter);
  works(run, o.common);

  auto* probe =
      add("probe", "The elasticity report: missing blocks, other orders, exits, pairs side by side; one page");
  probe->add_option("MODEL", o.probe.models, "one or several checkpoints, compared on one page; a=FOLDER calls it a")
      ->required()
      ->type_name("[NAME=]FOLDER");
  probe
      ->add_option("--out", o.probe.output,
                   "folder for the page, its pictures and numbers; as a rule probe beside the model, or runs/probe for "
                   "several and for names in the Hugging Face cache")
      ->type_name("FOLDER");
  data(probe, o.probe.data);
  count(probe, "--images", o.probe.images, "use the first N test images; 0: all");
  probe->add_option("--text", o.probe.text, "language models: a file, a folder, kjv or rfc; as a rule kjv")
      ->type_name("TEXT");
  count(probe, "--tokens", o.probe.tokens, "language models: use about N tokens of it", 1);
  count(probe, "--orders", o.probe.orders, "random orders of all blocks", 2);
  probe->add_flag("--all-orders", o.probe.all_orders, "every order instead of random ones, for up to 6 blocks");
  seed(probe, o.probe.seed, "seed of everything drawn");
  probe
      ->add_option("--set", o.probe.set, "change another setting: --set subsets=32 --set windows=2,3 --set pairs=false")
      ->type_name("KEY=VALUE");
  works(probe, o.common);

  auto* prune = add("prune", "Drop blocks for good: a smaller checkpoint that gives the route's results bit for bit");
  model(prune, o.prune.model);
  output(prune, o.prune.output);
  prune->add_option("--route", o.prune.route, "the blocks that stay: 0-3,8-11")->type_name("R");
  prune->add_option("--keep", o.prune.keep, "instead of a route: how many blocks stay")
      ->type_name("N")
      ->check(CLI::Range(int64_t{0}, int64_t{1'000'000}).description(""));
  prune
      ->add_option("--by", o.prune.by,
                   "how --keep chooses: one block at a time, the least loss; how much it changes the stream, or turns "
                   "it; the loss without it in a probe's report; evenly spaced")
      ->type_name("{greedy,magnitude,turn,probe,even}")
      ->check(CLI::IsMember({"greedy", "magnitude", "turn", "probe", "even"}).description(""))
      ->capture_default_str();
  prune->add_option("--probe", o.prune.probe, "the report: probe.json")->type_name("FILE");
  surgery_data(prune, o.prune.data, "choose on the first");
  works(prune, o.common);

  auto* merge =
      add("merge", "One checkpoint from several: soups, task arithmetic, TIES, DARE, SLERP, or blocks by route");
  merge->add_option("MODEL", o.merge.models, "the models; a name in front lets --route call its blocks")
      ->type_name("[NAME=]FOLDER");
  output(merge, o.merge.output)->required(false);
  merge->add_flag("--dry-run", o.merge.dry_run, "only report whether the models fit; nothing is written");
  merge
      ->add_option("--config", o.merge.config,
                   "a mergekit recipe (YAML) that says everything; folders relative to it, or names as elsewhere")
      ->type_name("FILE");
  merge->add_option("--route", o.merge.route, "blocks of the result: a:0-2,b:3-5; the rest is the first model's")
      ->type_name("R");
  merge->add_option("--method", o.merge.method, "how parameters are combined; as a rule linear")
      ->type_name("{linear,slerp,task_arithmetic,ties,dare_linear,dare_ties}")
      ->check(
          CLI::IsMember({"linear", "slerp", "task_arithmetic", "ties", "dare_linear", "dare_ties"}).description(""));
  merge->add_option("--base", o.merge.base, "what task_arithmetic, ties and dare take differences from")
      ->type_name("FOLDER");
  merge->add_option("--weight", o.merge.weights, "one number for each model; as a rule 1")
      ->type_name("X,X")
      ->delimiter(',');
  merge
      ->add_option("--density", o.merge.densities,
                   "ties and dare: the share of differences that stays, one for each model")
      ->type_name("X,X")
      ->delimiter(',');
  merge->add_option("--t", o.merge.t, "slerp: 0 is the first model, 1 the second")
      ->type_name("X")
      ->capture_default_str();
  merge->add_option("--lambda", o.merge.lambda, "factor of the sum of differences")
      ->type_name("X")
      ->capture_default_str();
  merge->add_option("--normalize", o.merge.normalize, "divide by the sum of weights; as a rule for linear and ties")
      ->type_name("{true,false}")
      ->check(CLI::IsMember({"true", "false"}).description(""));
  merge->add_option("--dtype", o.merge.dtype, "type of the weights written; as a rule that of the models")
      ->type_name("{float32,float16,bfloat16,float64}")
      ->check(CLI::IsMember({"float32", "float16", "bfloat16", "float64"}).description(""));
  seed(merge, o.merge.seed, "seed of dare");
  merge
      ->add_option("--data", o.merge.data,
                   "training images for the interface check; as a rule Fashion-MNIST where it fits, else noise")
      ->type_name("FOLDER");
  count(merge, "--images", o.merge.images, "how many of them; 0: no check of activations");
  merge->add_option("--text", o.merge.text, "language models: a text for the check; as a rule random tokens")
      ->type_name("TEXT");
  count(merge, "--tokens", o.merge.tokens, "language models: how many of it; 0: no check of activations");
  merge->add_option("--adapter", o.merge.adapter, "a LoRA adapter, as PEFT saves it, added to the first model for good")
      ->type_name("FOLDER");
  merge->add_flag("--force", o.merge.force, "merge models that do not descend from one start all the same");
  works(merge, o.common);

  auto* convert = add("convert", "A language model from a Hugging Face folder to GGUF and back, or to another type");
  convert
      ->add_option("IN", o.convert.in, "a checkpoint folder, a name in the local Hugging Face cache, or a .gguf file")
      ->required()
      ->type_name("PATH");
  convert->add_option("OUT", o.convert.out, "the file or folder to write")->required()->type_name("PATH");
  convert->add_option("--to", o.convert.to, "what to write; as a rule gguf where OUT ends in .gguf, else hf")
      ->type_name("{gguf,hf}")
      ->check(CLI::IsMember({"gguf", "hf"}).description(""));
  convert
      ->add_option("--dtype", o.convert.dtype,
                   "type of the weights; q8_0 and q4_0 in GGUF only; as a rule that of the input")
      ->type_name("{f32,f16,bf16,q8_0,q4_0}")
      ->check(CLI::IsMember({"f32", "f16", "bf16", "q8_0", "q4_0"}).description(""));
  reports(convert, o.common);

  auto* inspect = add("inspect", "What is in this checkpoint, safetensors or GGUF file");
  inspect
      ->add_option("PATH", o.inspect.path,
                   "a checkpoint folder, a name in the local Hugging Face cache, a .safetensors or a .gguf file")
      ->required()
      ->type_name("FILE");
  inspect->add_flag("--all", o.inspect.all, "every tensor, however many");
  reports(inspect, o.common);

  auto* generate = add("generate", "Continue texts or conversations with a language model, along any route");
  model(generate, o.generate.model);
  generate->add_option("--prompt", o.generate.prompts, "a text to continue; several run together")->type_name("TEXT");
  generate
      ->add_option("--prompt-file", o.generate.prompt_file, "a file whose whole text is continued; -: standard input")
      ->type_name("FILE");
  generate->add_option("--ids", o.generate.ids, "a prompt as ids of tokens: --ids 1,15,27")->type_name("N,N,...");
  generate
      ->add_option("--message", o.generate.messages,
                   "what the user says; several: the user and the model in turn, the user first")
      ->type_name("TEXT");
  generate->add_option("--system", o.generate.system, "with --message: the system message")->type_name("TEXT");
  generate
      ->add_option("--chat", o.generate.chat,
                   "a conversation as JSON: a list of messages, or an object with messages, tools and other variables")
      ->type_name("FILE");
  generate->add_option("--template", o.generate.chat_template, "which of the model's chat templates")
      ->type_name("NAME");
  generate->add_option("--route", o.generate.route, "which blocks run; as a rule all in order")->type_name("ROUTE");
  sources(generate, o.generate.sources);
  adapter(generate, o.generate.adapter);
  count(generate, "--tokens", o.generate.tokens,
        "new tokens at most; 0: max_new_tokens or max_length of the model's files, or 128");
  count(generate, "--copies", o.generate.copies, "outputs for each prompt", 1);
  generate->add_flag("--greedy", o.generate.greedy, "always the most probable token");
  const auto number = [&](const char* name, std::optional<double>& value, const char* what) {
    generate->add_option(name, value, what)->type_name("X");
  };
  number("--temperature", o.generate.temperature, "sample, with logits divided by this; 0: --greedy");
  generate->add_option("--top-k", o.generate.top_k, "sample from the K most probable; 0: all")->type_name("K");
  number("--top-p", o.generate.top_p, "sample from the most probable that together reach this probability");
  number("--min-p", o.generate.min_p, "sample from those with at least this share of the highest probability");
  number("--typical-p", o.generate.typical_p, "sample from the most typical that together reach this probability");
  number("--repetition-penalty", o.generate.repetition_penalty, "above 1: less of what prompt and output hold");
  generate->add_option("--presence-penalty", o.generate.presence_penalty, "taken off logits of tokens in the output")
      ->type_name("X");
  generate->add_option("--frequency-penalty", o.generate.frequency_penalty, "the same for each time they occur there")
      ->type_name("X");
  generate->add_option("--no-repeat-ngram", o.generate.no_repeat_ngram, "no run of N tokens comes twice")
      ->type_name("N");
  generate->add_option("--stop", o.generate.stop, "a text that ends the output")->type_name("TEXT");
  generate->add_option("--json-schema", o.generate.json_schema, "a file: output is JSON that the schema accepts")
      ->type_name("FILE");
  generate->add_flag("--json-object", o.generate.json_object, "output is some JSON object");
  generate->add_option("--grammar", o.generate.grammar, "a file: output is what the grammar (GBNF) derives")
      ->type_name("FILE");
  seed(generate, o.generate.seed, "seed of sampling");
  generate->add_flag("--stream", o.generate.stream, "print text as it comes; with --json one line for each token");
  generate
      ->add_option("--logprobs", o.generate.log_probabilities,
                   "log-probabilities of the tokens, and of so many alternatives to each")
      ->type_name("N");
  generate->add_flag("--uncached", o.generate.uncached, "run all rows again for every token");
  generate->add_flag("--ignore-end", o.generate.ignore_end, "go on after tokens that end the output");
  works(generate, o.common);

  auto* tokenize = add("tokenize", "Text into the ids of a tokenizer and back; train a tokenizer");
  tokenize
      ->add_option("TOKENIZER", o.tokenize.tokenizer,
                   "a tokenizer.json, a folder with one, a name in the local Hugging Face cache, a .gguf file; bytes: "
                   "one token for each byte")
      ->type_name("FILE");
  tokenize->add_option("TEXT", o.tokenize.texts, "the text; without one and without --file, standard input")
      ->type_name("TEXT");
  tokenize->add_option("--file", o.tokenize.file, "a file with the text")->type_name("FILE");
  tokenize->add_flag("--decode", o.tokenize.decode, "the other way: the text holds ids");
  tokenize->add_flag("--count", o.tokenize.count, "only how many tokens");
  tokenize->add_flag("--json-lines", o.tokenize.json_lines,
                     "each line of the input is a JSON text (or list of ids), each line of the output the answer");
  tokenize->add_flag("--plain", o.tokenize.plain, "special tokens written in the text are text");
  tokenize->add_flag("--bare", o.tokenize.bare, "without the tokens that the tokenizer puts around a text");
  count(tokenize, "--measure", o.tokenize.measure, "encode so many times and report the median time");
  tokenize->add_option("--train", o.tokenize.train, "train byte-level BPE on these files and write --output")
      ->type_name("FILE");
  count(tokenize, "--vocab-size", o.tokenize.vocab_size, "with --train: tokens at most", 256);
  count(tokenize, "--min-count", o.tokenize.min_count, "with --train: pairs that occur less often are not merged", 1);
  tokenize->add_option("--words", o.tokenize.words, "with --train: whose expression cuts text into words")
      ->type_name("{gpt2,llama3,qwen2}")
      ->check(CLI::IsMember({"gpt2", "llama3", "qwen2"}).description(""))
      ->capture_default_str();
  tokenize->add_option("--special", o.tokenize.special, "with --train: special tokens, the text's end first")
      ->type_name("TOKEN")
      ->capture_default_str();
  tokenize->add_option("--output", o.tokenize.output, "with --train: folder for tokenizer.json")->type_name("FOLDER");
  reports(tokenize, o.common);

  auto* recipes = add("recipes", "List the reproductions that come with Strata, or show one");
  recipes->add_option("NAME", o.recipes.name, "the recipe to show")->type_name("RECIPE");
  recipes->add_flag("--names", o.recipes.names, "nothing but the names, one per line");
  reports(recipes, o.common);

  auto* doctor = add("doctor", "What this machine offers, what was chosen and why");
  doctor->add_flag("--measure", o.doctor.measure,
                   "also time gelu on 50M floats with and without the pool of kept blocks");
  works(doctor, o.common);

  auto* bench = add("bench", "Measure against the baselines the README quotes");
  bench->add_option("WHAT", o.bench.what, "which measurements; as a rule all but tokenize")
      ->type_name("{train,vit,gpt2,trie,gelu,bandwidth,tokenize}")
      ->check(CLI::IsMember({"train", "vit", "gpt2", "trie", "gelu", "bandwidth", "tokenize"}).description(""));
  count(bench, "--repeats", o.bench.repeats, "interleaved runs of each", 1);
  bench->add_option("--against", o.bench.against, "ways to run PyTorch: eager, compile; as a rule both")
      ->check(CLI::IsMember({"eager", "compile"}));
  bench->add_option("--model", o.bench.model, "model to score in trie; as a rule a fresh one")->type_name("FOLDER");
  bench->add_option("--text", o.bench.text, "text to measure tokenize on; as a rule the King James Bible")
      ->type_name("FILE");
  data(bench, o.bench.data);
  works(bench, o.common);

  auto* completion = add("completion", "Print the completion script of a shell");
  completion->add_option("SHELL", o.completion.shell, "which shell")
      ->required()
      ->type_name("{bash,zsh,fish}")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}).description(""));

  // For those who build packages, and for doctor and bench, which start it with and without the pool of kept blocks.
  app.add_subcommand("manual", "Print the manual page's source (scdoc)")->group("");
  works(app.add_subcommand("gelu", "Milliseconds of one gelu on 50M floats")->group(""), o.common);

  for (CLI::App* verb : app.get_subcommands({})) verb->set_help_flag("-h,--help", "print this help");
}

std::string who(int argc, const char* const* argv) {
  const bool verb = argc > 1 && argv[1][0] != '-';
  return verb ? std::string("strata ") + argv[1] : "strata";
}

std::optional<Options> read_command_line(int argc, const char* const* argv) {
  Options options;
  CLI::App app;
  describe(app, options);
  if (argc < 2) {
    std::cerr << app.help();
    fail_usage("expected a verb");
  }
  if (argv[1][0] != '-') check_verb(app, argv[1]);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help() << std::flush;
    return std::nullopt;
  } catch (const CLI::CallForVersion& version) {
    std::cout << version.what() << std::endl;
    return std::nullopt;
  } catch (const CLI::ExtrasError&) {
    const CLI::App& verb = app.get_subcommands().empty() ? app : *app.get_subcommands().front();
    std::vector<std::string> extras = verb.remaining();
    if (extras.empty()) extras = app.remaining(true);
    const std::string& extra = extras.front();
    const std::vector<std::string> known = option_names(verb);
    if (extra.starts_with("-"))
      fail_usage("unknown option ", extra, suggestion(extra, known), "; the options are ", join_names(known));
    fail_usage("unexpected '", extra, "'; see ", who(argc, argv), " --help");
  } catch (const CLI::ParseError& error) {
    fail_usage(error.what(), "; see ", who(argc, argv), " --help");
  }
  options.verb = app.get_subcommands().front()->get_name();
  return options;
}

}  // namespace strata::cli

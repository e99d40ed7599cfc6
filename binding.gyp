{
  "target_defaults": {
    # Hidden: what is not exported is called directly, and may be inlined.
    "cflags_cc!": ["-fno-rtti", "-std=gnu++17"],
    "cflags_cc": ["-std=gnu++20", "-Wall", "-Wextra", "-Werror=return-type", "-fno-exceptions", "-fvisibility=hidden"],
    "defines": ["NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS", "NAPI_VERSION=8"],
    "include_dirs": ["<!@(node -p \"require('node-addon-api').include_dir\")"],
    "configurations": {
      # For `npm run torture`: memory errors and undefined behaviour end the process. Node loads the addons of this build
      # with the condition "sanitized", and needs the runtime of the sanitizers before its own libraries.
      "Debug": {
        "cflags_cc": ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"],
        "ldflags": ["-fsanitize=address,undefined"]
      }
    }
  },
  "targets": [
    {
      "target_name": "device",
      "type": "static_library",
      "sources": [
        "native/sigbus.cc",
        "native/mapping.cc",
        "native/memory_map.cc",
        "native/memory_watch.cc",
        "native/ring_error.cc",
        "native/refusal.cc",
        "native/descriptor_chain.cc",
        "native/inflight.cc",
        "native/virtqueue.cc",
        "native/vring.cc",
        "native/batch.cc",
        "native/socket.cc",
        "native/session.cc",
        "native/requests.cc",
        "native/ring_requests.cc",
        "native/memory_requests.cc",
        "native/event_buffers.cc",
        "native/held_replies.cc",
        "native/pump.cc",
        "native/kick_wait.cc",
        "native/stall_watch.cc",
        "native/event_loop.cc"
      ]
    },
    {
      "target_name": "vhost_user_scmi",
      "dependencies": ["device"],
      "sources": [
        "native/addon.cc",
        "native/binding.cc",
        "native/file_calls.cc",
        "native/shared_memory_calls.cc",
        "native/front_end_calls.cc",
        "native/javascript_side.cc",
        "native/options.cc",
        "native/values.cc"
      ]
    },
    {
      "target_name": "scmi_bench",
      "type": "executable",
      "dependencies": ["device"],
      "sources": [
        "native/bench/affinity.cc",
        "native/bench/command.cc",
        "native/bench/driver.cc",
        "native/bench/floor_device.cc",
        "native/bench/floors.cc",
        "native/bench/front_end.cc",
        "native/bench/main.cc",
        "native/bench/measure.cc",
        "native/bench/worker.cc"
      ]
    },
    {
      "target_name": "native_floor",
      "dependencies": ["device"],
      "sources": ["native/bench/command.cc", "native/bench/native_floor.cc"]
    }
  ],
  "conditions": [
    # The tests' own addon, and a fuzz target as a program; the package goes without tests.
    ["'<!(test -e test/driver/syscalls.cc && echo yes || echo no)'=='yes'", {
      "targets": [
        {
          "target_name": "mock_front_end",
          "sources": ["test/driver/syscalls.cc"],
          "include_dirs": ["native"]
        },
        {
          "target_name": "chains",
          "type": "executable",
          "dependencies": ["device"],
          "sources": ["test/fuzz/chain.cc", "test/fuzz/chain_main.cc"],
          "include_dirs": ["native"]
        }
      ]
    }]
  ]
}

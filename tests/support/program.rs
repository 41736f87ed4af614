//! Programs of a few instructions, so that an image needs no system in it, and
//! no base image, to be run on any platform.

/// What it prints on each platform.
pub const GREETING: &str = "hello\n";

/// Where it is loaded.
const BASE: u64 = 0x40_0000;
/// Bytes of the ELF header and of one program header.
const HEADERS: u64 = 64 + 56;

/// A program that says hello, for an architecture in Docker's words.
pub fn hello(architecture: &str) -> Vec<u8> {
    let length = u32::try_from(GREETING.len()).unwrap();
    let code = match architecture {
        "amd64" => hello_amd64(length),
        "arm64" => hello_arm64(length),
        other => panic!("no program for {other}"),
    };
    elf(architecture, &[code, GREETING.as_bytes().to_vec()].concat())
}

/// A program that never ends by itself: `ppoll` of nothing, without a limit.
pub fn hang(architecture: &str) -> Vec<u8> {
    let code = match architecture {
        "amd64" => b"\x31\xff\x31\xf6\x31\xd2\x45\x31\xd2\xb8\x0f\x01\0\0\x0f\x05".to_vec(),
        "arm64" => words(&[
            0xd280_0000, // mov x0, #0
            0xd280_0001, // mov x1, #0
            0xd280_0002, // mov x2, #0
            0xd280_0003, // mov x3, #0
            0xd280_0928, // mov x8, #73
            0xd400_0001, // svc #0
        ]),
        other => panic!("no program for {other}"),
    };
    elf(architecture, &code)
}

/// An executable file of this code alone.
fn elf(architecture: &str, text: &[u8]) -> Vec<u8> {
    let machine = match architecture {
        "amd64" => 62_u16,
        _ => 183,
    };
    let size = HEADERS + u64::try_from(text.len()).unwrap();
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let mut put = |bytes: &[u8]| elf.extend_from_slice(bytes);
    put(&2_u16.to_le_bytes());
    put(&machine.to_le_bytes());
    put(&1_u32.to_le_bytes());
    put(&(BASE + HEADERS).to_le_bytes());
    put(&64_u64.to_le_bytes());
    put(&[0; 12]);
    for number in [64_u16, 56, 1, 0, 0, 0] {
        put(&number.to_le_bytes());
    }
    // One segment, all of the file, to be read and executed.
    put(&1_u32.to_le_bytes());
    put(&5_u32.to_le_bytes());
    for number in [0, BASE, BASE, size, size, 0x1000] {
        put(&number.to_le_bytes());
    }
    put(text);
    elf
}

/// `write(1, text, length)`, then `exit(0)`; the text follows.
fn hello_amd64(length: u32) -> Vec<u8> {
    let mut code = b"\xb8\x01\0\0\0\xbf\x01\0\0\0\x48\x8d\x35\x10\0\0\0\xba".to_vec();
    code.extend(length.to_le_bytes());
    code.extend(b"\x0f\x05\xb8\x3c\0\0\0\x31\xff\x0f\x05");
    code
}

fn hello_arm64(length: u32) -> Vec<u8> {
    words(&[
        0xd280_0020,                 // mov x0, #1
        0x1000_00e1,                 // adr x1, text
        0xd280_0002 | (length << 5), // mov x2, #length
        0xd280_0808,                 // mov x8, #64
        0xd400_0001,                 // svc #0
        0xd280_0000,                 // mov x0, #0
        0xd280_0ba8,                 // mov x8, #93
        0xd400_0001,                 // svc #0
    ])
}

fn words(instructions: &[u32]) -> Vec<u8> {
    let code = instructions.iter().flat_map(|code| code.to_le_bytes());
    code.collect()
}
